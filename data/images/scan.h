// Scans image files before training: whether each can be decoded, and a checksum of each.
#pragma once

#include <vector>

#include "data/dataset.h"
#include "data/images/image_list.h"

namespace cofactor {

// Scans the images list.names[i] for each i of `indices`. Returns the checksums of the files' bytes, and the images
// that cannot be decoded with the reasons. Every file is read and decoded once (0.1 to 5 ms per image, divided among
// the threads), except files that this or an earlier process has decoded without error and whose size, times and inode
// are unchanged (content_cache.h). The result is the same for any number of threads. If `stamps` is given, it has one
// number per image of the list, which is set to FileStamp::contents for each image that was scanned without error.
SampleContents scan_images(const ImageList& list, const std::vector<int64_t>& indices, int threads = 1,
                           std::vector<uint64_t>* stamps = nullptr);

}  // namespace cofactor
