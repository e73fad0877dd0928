// A person's own samples with labels that may be wrong: images, texts or features.
#pragma once

#include <cstdint>

namespace cofactor {

enum class SampleKind : uint8_t { images, text, features };

}  // namespace cofactor
