// The oneDNN primitives that the cpu backend caches, by shape and parameters.
#pragma once

#include "engine/backends/cpu/backend.h"
#include "engine/backends/cpu/onednn.h"

namespace cofactor {

struct CpuBackend::Primitives {
  struct ConvForward {
    dnnl::memory::desc x, b, y;
    onednn::Reorder weights;
    onednn::Primitive conv;
  };
  struct ConvInput {
    dnnl::memory::desc grad, dx;
    onednn::Reorder weights;
    onednn::Primitive conv;
  };
  struct ConvWeights {
    dnnl::memory::desc x, grad, db;
    onednn::Reorder weights;
    onednn::Primitive conv;
  };
  struct Pooling {  // forward or backward
    dnnl::memory::desc x, y;
    onednn::Primitive primitive;
  };

  onednn::PrimitiveCache<ConvForward> conv_forward;
  onednn::PrimitiveCache<ConvInput> conv_input;
  onednn::PrimitiveCache<ConvWeights> conv_weights;
  onednn::PrimitiveCache<Pooling> pool_forward, pool_backward;
  onednn::Products products;
};

}  // namespace cofactor
