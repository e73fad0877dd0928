// Kernels that the cuda backend refuses within a recorded step: those that cuSOLVER computes, which does not promise
// that its calls can be recorded.
#pragma once

#include "engine/backends/recording_gate.h"
#include "engine/shape.h"

namespace cofactor::cuda {

inline void refuse_svd(const RecordingGate& gate, const Shape& u) {
  gate.refuse("the SVD of a {} matrix, which cuSOLVER computes,", u);
}

// Above kMaxLuClasses (kernels/lu.h).
inline void refuse_large_lu(const RecordingGate& gate, const Shape& u) {
  gate.refuse("the LU of a {} matrix, which cuSOLVER computes,", u);
}

}  // namespace cofactor::cuda
