// Files of the repository that the build puts into the executable (write_texts.cmake).
#pragma once

#include <string_view>

namespace cofactor {

extern const std::string_view kPageTemplate;  // experiments/report/page.html
extern const std::string_view kPaperValues;   // docs/results/paper.csv

}  // namespace cofactor
