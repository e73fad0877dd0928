"""Times one workload with PyTorch: the other part of scripts/bench.

The workloads and the printed keys are those of bench.cpp. PyTorch runs in the fastest of a few reasonable settings
(memory format or form of the network, implementation of the optimizer): `--variant choose` tries them and prints the
fastest, `--variant NAME` times that one, and `--variant best` tries them and times the fastest.

On cuda cuDNN may measure its engines and take any of them (`cudnn.benchmark`), deterministic or not, and the samples
are on the device from the start, as cofactor keeps its images there.
"""

import argparse
import collections
import itertools
import os
import resource
import statistics
import time

import torch
from torch import nn

import pytorch_networks

# `words` is the vocabulary's size where the data are sentences, else 0; `trial_steps` is the number of steps for which
# a setting is tried on the cpu. `samples`, or ten batches where those are more.
Workload = collections.namedtuple(
    "Workload", "training batch_size samples shape classes mean std words make_model optimizer trial_steps",
    defaults=("adam", 25))


class TwoLayerCnn(nn.Module):
    """models/two_layer_cnn.h: conv, ReLU, pool, as the paper's code writes it. With `pool_first` the ReLU comes after the
    pooling: the same values and gradients on a quarter of the elements."""

    def __init__(self, options, layout, classes=2):
        super().__init__()
        self.pool_first = options.pool_first
        self.conv1 = nn.Conv2d(1, 16, 5)
        self.conv2 = nn.Conv2d(16, 32, 5)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.relu_and_pool(self.conv1(x))
        x = self.relu_and_pool(self.conv2(x))
        return self.fc(self.dropout(torch.flatten(x, 1)))

    def relu_and_pool(self, x):
        if self.pool_first:
            return nn.functional.max_pool2d(x, 2).relu_()
        return nn.functional.max_pool2d(x.relu_(), 2)


class WordCnn(nn.Module):
    """models/word_cnn.h in three layouts: nn.Conv1d over (N, D, L); nn.Conv2d with (1, width) kernels over (N, D, 1, L),
    whose memory is channels-last already; and nn.Conv2d with (width, D) kernels over (N, 1, L, D), as Kim's code and
    most code that follows it."""

    def __init__(self, options, layout, words=20000, dimension=128, widths=(3, 4, 5), maps=100, classes=2):
        super().__init__()
        self.layout, self.pool_first = layout, options.pool_first
        self.embed = nn.Embedding(words, dimension)
        make = {
            "conv1d": lambda width: nn.Conv1d(dimension, maps, width),
            "conv2d": lambda width: nn.Conv2d(dimension, maps, (1, width)),
            "kim": lambda width: nn.Conv2d(1, maps, (width, dimension)),
        }[layout]
        self.convs = nn.ModuleList(make(width) for width in widths)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(maps * len(widths), classes)

    def forward(self, x):
        x = self.embed(x)
        x = {
            "conv1d": lambda: x.transpose(1, 2),
            "conv2d": lambda: x.transpose(1, 2).unsqueeze(2),
            "kim": lambda: x.unsqueeze(1),
        }[self.layout]()
        return self.fc(self.dropout(torch.cat([self.relu_and_pool(conv(x)) for conv in self.convs], 1)))

    def relu_and_pool(self, y):
        if self.pool_first:
            return y.flatten(2).amax(2).relu_()
        return y.relu_().flatten(2).amax(2)


WORKLOADS = {
    "fashion_cnn": Workload(True, 128, 5120, (1, 28, 28), 2, 0.1307, 0.3081, 0, TwoLayerCnn),
    "fashion_cnn_eval": Workload(False, 1000, 10000, (1, 28, 28), 2, 0.1307, 0.3081, 0, TwoLayerCnn),
    "word_cnn": Workload(True, 128, 7680, (56,), 2, 0, 1, 20000, WordCnn),
    "resnet20": Workload(True, 64, 640, (3, 32, 32), 10, 0.5, 0.25, 0, pytorch_networks.resnet20, "sgd", 3),
    "resnet34": Workload(True, 128, 1280, (3, 32, 32), 10, 0.5, 0.25, 0, pytorch_networks.resnet34, "sgd", 3),
    "vgg16": Workload(True, 32, 320, (3, 150, 150), 2, 0.5, 0.25, 0, pytorch_networks.vgg16, "sgd", 3),
    "resnet50": Workload(True, 32, 320, (3, 224, 224), 14, 0.5, 0.25, 0, pytorch_networks.resnet50, "sgd", 3),
}

MEMORY_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
WORD_LAYOUTS = ["conv1d", "conv2d", "kim"]
IMPLEMENTATIONS = {"plain": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}
OPTIMIZERS = {
    "adam": lambda parameters, how: torch.optim.Adam(parameters, lr=1e-3, **how),
    "sgd": lambda parameters, how: torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=1e-4, **how),
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=WORKLOADS, required=True)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--precision", choices=["f32", "bf16", "tf32"], default="f32")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=0, help="samples per step; 0: the workload's")
    parser.add_argument("--variant", default="choose", help="choose, best, or a name that choose has printed")
    parser.add_argument("--pool-first", action="store_true", help="ReLU after the pooling, on a smaller tensor")
    parser.add_argument("--compile", nargs="?", const="default", metavar="MODE",
                        help="torch.compile the network: default, reduce-overhead (CUDA graphs) or another of its modes")
    options = parser.parse_args()
    if options.device == "auto":
        options.device = "cuda" if torch.cuda.is_available() else "cpu"
    options.batch_size = options.batch_size or WORKLOADS[options.workload].batch_size
    return options


class Batches:
    """Endless batches from memory, one epoch after the other; images are normalised batch by batch."""

    def __init__(self, workload, options, memory_format):
        generator = torch.Generator().manual_seed(1)
        count = max(workload.samples, 10 * options.batch_size)
        shape = (count, *workload.shape)
        self.words = workload.words
        if self.words:
            self.samples = torch.randint(0, self.words, shape, dtype=torch.int64, generator=generator)
        else:
            self.samples = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        self.labels = torch.randint(0, workload.classes, (count,), generator=generator).to(options.device)
        self.samples = self.samples.to(options.device)
        self.batch_size, self.shuffled = options.batch_size, workload.training
        self.device, self.memory_format = options.device, memory_format
        # (byte / 255 - mean) / std as one multiplication and one addition.
        self.scale, self.shift = 1 / (255 * workload.std), -workload.mean / workload.std
        self.remaining = iter(())

    def __next__(self):
        indices = next(self.remaining, None)
        if indices is None or len(indices) < self.batch_size:
            count = len(self.labels)
            order = (torch.randperm if self.shuffled else torch.arange)(count, device=self.device)
            self.remaining = iter(order.split(self.batch_size))
            indices = next(self.remaining)
        samples = self.samples.index_select(0, indices)
        labels = self.labels.index_select(0, indices)
        if self.words:
            return samples, labels
        inputs = samples.to(torch.float32).mul_(self.scale).add_(self.shift)
        return inputs.contiguous(memory_format=self.memory_format), labels


def make_step(workload, options, variant):
    """The step, as a function without arguments that returns the loss."""
    layout, implementation = variant.split("+")
    memory_format = MEMORY_FORMATS.get(layout, torch.preserve_format)
    torch.manual_seed(1)
    batches = Batches(workload, options, memory_format)
    model = workload.make_model(options, layout).train(workload.training)
    model = model.to(options.device, memory_format=memory_format)
    if workload.training:
        optimizer = OPTIMIZERS[workload.optimizer](model.parameters(), IMPLEMENTATIONS[implementation])
    network = torch.compile(model, mode=options.compile) if options.compile else model

    def logits_of(inputs):
        with torch.autocast(options.device, torch.bfloat16, enabled=options.precision == "bf16"):
            return network(inputs).float()

    def train():
        inputs, labels = next(batches)
        loss = nn.functional.cross_entropy(logits_of(inputs), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    def evaluate():
        with torch.inference_mode():
            inputs, labels = next(batches)
            logits = logits_of(inputs)
            evaluate.correct += (logits.argmax(1) == labels).sum().item()
            return nn.functional.cross_entropy(logits, labels).item()

    evaluate.correct = 0
    return train if workload.training else evaluate


def time_steps(step, warmup, steps):
    """The time of each step in milliseconds. Every step ends in .item(), which waits for the device."""
    for i in range(warmup):
        step()
        if i == warmup // 2 and torch.cuda.is_initialized():
            # What only the choice of cuDNN's engines needed is no memory of training.
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - start))
    return times


def choose_variant(workload, options):
    """The fastest variant among those that this PyTorch and device support."""
    medians = {}
    layouts = WORD_LAYOUTS if workload.words else MEMORY_FORMATS
    for layout, implementation in itertools.product(layouts, IMPLEMENTATIONS if workload.training else ["plain"]):
        variant = f"{layout}+{implementation}"
        try:
            step = make_step(workload, options, variant)
            trial_steps = workload.trial_steps if options.device == "cpu" else 25
            medians[variant] = statistics.median(time_steps(step, min(5, trial_steps), trial_steps))
        except (RuntimeError, TypeError, ValueError):
            continue
        finally:
            step = None
            if options.device == "cuda":
                torch.cuda.empty_cache()
    if not medians:
        raise SystemExit("no variant works with this PyTorch on this device")
    return min(medians, key=medians.get)


def memory_text(device):
    """What bench.cpp prints of memory, in the same sense."""
    if device == "cuda":
        free, total = torch.cuda.mem_get_info()
        return f"peak_mib={(total - free) / 2**20:.1f} allocated_mib={torch.cuda.max_memory_allocated() / 2**20:.1f}"
    return f"peak_mib={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f}"


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    # f32 without TF32, in convolutions too, as cofactor has it.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = options.precision == "tf32"
    torch.backends.cudnn.benchmark = True
    workload = WORKLOADS[options.workload]
    variant = options.variant
    if variant in ("choose", "best"):
        variant = choose_variant(workload, options)
    if options.variant == "choose":
        print(f"variant={variant}")
        return
    step = make_step(workload, options, variant)
    times = time_steps(step, options.warmup, options.steps)
    median = statistics.median(times)
    print(
        f"workload={options.workload} device={options.device} precision={options.precision} threads={options.threads}"
        f" batch_size={options.batch_size} samples_per_second={1000 * options.batch_size / median:.1f}"
        f" steps_per_second={1000 / median:.2f} median_step_ms={median:.4f} mean_step_ms={statistics.fmean(times):.4f}"
        f" {memory_text(options.device)} variant={variant}{'+compile=' + options.compile if options.compile else ''}"
        f" version={torch.__version__}"
    )


if __name__ == "__main__":
    main()
