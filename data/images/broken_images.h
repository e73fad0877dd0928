// Finds broken images, and removes them from splits.
//
// Reading a broken image throws Error. If broken images are to be skipped, they are found before training and removed
// from the splits. The data set itself is unchanged: the other samples keep their indices, and with them their noisy
// labels and their parts, and batches are the same for any number of workers. Nothing replaces a broken image.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/dataset.h"
#include "data/images/image_list.h"

namespace cofactor {

// The broken images of a list, in its order. The result is the same for any number of threads. See scan.h.
std::vector<BrokenSample> find_broken_images(const ImageList& list, int threads = 1);

// The split without the broken images, which are sorted by index. Throws Error if no image would be left.
Split without_broken(const Split& split, const std::vector<BrokenSample>& broken);

// Throws Error if `split`, which is without_broken of `whole`, has no sample of a class that `whole` has. The message
// contains the class, the part ("training") and the reason of the first broken image of that class.
void check_classes_left(const Split& split, const Split& whole, const std::vector<std::string>& classes,
                        std::string_view part, const std::vector<BrokenSample>& broken);

}  // namespace cofactor
