// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747) as the paper uses it (section 5.1): bags against
// clothes.
#pragma once

#include <filesystem>

#include "data/dataset.h"

namespace cofactor {

// Two classes: label 8 (bag) is class 0, every other label (clothes) class 1. Images are (28, 28, 1), normalised with
// mean 0.1307 and std 0.3081. train and validation are parts of one data set, so an image's index, and with it the
// draw of its noisy label, is its place in the file.
struct FashionMnist {
  Split train;                   // the first 50,000 images of the training file; 5/6 of one of another size
  Split validation;              // the rest of it: the last 10,000
  Split test;                    // the 10,000 images of the test file
  std::filesystem::path folder;  // where the files are
};

// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte from a
// folder, or from one up to three levels within it (find_folder; not from one named MNIST or after another of its
// kin). Each may have a dot before "idx" or .gz after its name, or lie in a folder of its own name. Throws Error, with
// what was looked for, where a file is missing or malformed, holds images of another size, a label above 9 or no image,
// and where images and labels differ in number.
FashionMnist load_fashion_mnist(const std::filesystem::path& directory);

// Where the Debian package dataset-fashion-mnist puts the files.
std::filesystem::path fashion_mnist_default_directory();

}  // namespace cofactor
