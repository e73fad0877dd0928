// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747) as the paper uses it (section 5.1): bags against
// clothes.
#pragma once

#include <filesystem>

#include "data/dataset.h"

namespace cofactor {

// Two classes: label 8 (bag) is class 0, every other label (clothes) is class 1. Images are (28, 28, 1), normalised
// with mean 0.1307 and std 0.3081, as in the published code (they are those of MNIST's digits). train and validation
// are parts of one data set, in which the index of an image, and with it the draw of its noisy label, is its position
// in the file.
struct FashionMnist {
  Split train;                   // the first 50,000 images of the training file (the first 5/6)
  Split validation;              // the last 10,000 images of the training file
  Split test;                    // the 10,000 images of the test file
  std::filesystem::path folder;  // the folder that contains the files
};

// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte from a
// folder, or from a folder up to three levels inside it (find_folder.h) that is not named MNIST, KMNIST, QMNIST or
// EMNIST. The names may have a dot in place of the dash before "idx" or end in .gz, and a file may be in a folder of
// its own name. Throws Error, with the files that were looked for, if a file is missing or malformed, has images of
// another size, a label above 9 or no images, or if the numbers of images and labels differ.
FashionMnist load_fashion_mnist(const std::filesystem::path& directory);

// The folder into which the Debian package dataset-fashion-mnist installs the files.
std::filesystem::path fashion_mnist_default_directory();

}  // namespace cofactor
