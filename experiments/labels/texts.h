// Files of this folder that the build puts into the executable (experiments/report/write_texts.cmake).
#pragma once

#include <string_view>

namespace cofactor {

extern const std::string_view kLabelPageTemplate;  // experiments/labels/label_page.html

}  // namespace cofactor
