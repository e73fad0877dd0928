"""torch.utils.data.DataLoader on the same image files as bench/loader_bench.cpp, with the same transform by torchvision
(Pillow decodes): --data FOLDER [--images N] [--batch-size N] [--workers N]. Prints the same keys."""

import argparse
import time

import torch
from torchvision import datasets, transforms


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--images", type=int, default=0)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    transform = transforms.Compose([
        transforms.Resize(256), transforms.RandomCrop(224), transforms.RandomHorizontalFlip(),
        transforms.ColorJitter(brightness=0.2, saturation=0.2), transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    images = datasets.ImageFolder(options.data, transform)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(1))
    subset = torch.utils.data.Subset(images, order[: options.images or len(images)].tolist())
    torch.set_num_threads(1)
    loader = torch.utils.data.DataLoader(subset, options.batch_size, shuffle=True, num_workers=options.workers)
    start = time.perf_counter()
    seen = sum(len(labels) for _, labels in loader)
    seconds = time.perf_counter() - start
    print(f"workload=loader workers={options.workers} batch_size={options.batch_size} images={seen} "
          f"seconds={seconds:.2f} samples_per_second={seen / seconds:.1f} "
          f"samples_per_second_and_worker={seen / seconds / max(options.workers, 1):.1f}")


if __name__ == "__main__":
    main()
