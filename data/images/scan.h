// A look at image files before they are learned from: whether each can be decoded, and what tells it from another.
#pragma once

#include <vector>

#include "data/dataset.h"
#include "data/images/image_list.h"

namespace cofactor {

// The images list.names[i] for each i of `indices`: a checksum of the file's bytes each, and what is broken, as
// decoding says. Every file is read and decoded once (0.1 to 5 ms each, divided among the threads); one that was found
// good before, here or by an earlier process (content_cache.h), and has kept its size, its times and its inode since,
// costs a look at these alone. The same for any number of threads. `stamps`, where it is given, has a number for each
// image of the list, and gets FileStamp::contents of those that were looked at and found good.
SampleContents scan_images(const ImageList& list, const std::vector<int64_t>& indices, int threads = 1,
                           std::vector<uint64_t>* stamps = nullptr);

}  // namespace cofactor
