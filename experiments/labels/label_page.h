// The labels of a run as one page of HTML that needs no other file: the noise in numbers and figures, and the suspects,
// which a person decides on one by one. The page saves the decisions as the table of reviewed_labels.h.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/images/rgb_image.h"
#include "data/sets/reviewed_labels.h"
#include "experiments/labels/judged_labels.h"
#include "experiments/training/checkpoint.h"

namespace cofactor {

inline constexpr std::string_view kLabelPageFile = "report.html";

struct LabelPageOptions {
  std::string title;                      // "flowers, dmi"
  std::string run{};                      // tells this run's page from others, whose decisions a browser keeps too
  std::vector<EpochMetrics> history{};    // of the run; empty: no curves
  std::vector<std::string> settings{};    // lines
  std::vector<ReviewedLabel> reviewed{};  // decisions that the run was trained with: the page saves them too
  std::string version{};                  // of the program
  // What a sample looks like: an image, of any size, or its text. At most one of the two is set; without them the id
  // has to do. An image that is nothing or cannot be read (Error) is left out, and the page says so. They are called
  // for the suspects on the page, `image` by `threads` threads at once.
  std::function<std::optional<RgbImage>(int64_t sample)> image{};
  std::function<std::string(int64_t sample)> text{};
  int threads = 1;
  // Those with the lowest quality are on the page. A thumbnail is a JPEG of at most 96 pixels a side, which takes 9 kB
  // for pure noise (12 kB on the page) and less for any photo, and a text is cut after 600 bytes: a page of 2,000 has
  // at most about 25 MB.
  int64_t most_suspects = 2000;
};

// Writes the page, whole or not at all. Throws Error where the verdict is not of these labels, and as
// write_file_atomically does, and Interrupted where a signal asks the process to end (stop.h).
void write_label_page(const std::filesystem::path& path, const JudgedLabels& labels, const Verdict& verdict,
                      const LabelPageOptions& options);

}  // namespace cofactor
