// Work around cuBLAS and cuSOLVER: the bias where cuBLASLt does not add it, and the results of a factorisation.
#pragma once

#include <cmath>
#include <limits>

#include "engine/backends/cuda/kernels/conv.h"
#include "engine/backends/cuda/kernels/launch.h"

namespace cofactor::cuda {

// y = a product + bias, where cuBLASLt does not add the bias: multiply(to) writes the product. It is rounded to bf16
// once, with the bias in it.
template <class Launch, class Multiply>
void multiply_then_add(const Launch& launch, const Tensor& bias, const Tensor& y, const Multiply& multiply) {
  const DType wide = compute_dtype(y.dtype());
  const Tensor product = y.dtype() == wide ? y : Tensor::empty(y.shape(), wide, y.device());
  multiply(product);
  bias_activation(launch, product, bias, Activation::none, y);
}

// From getrf's factors (column-major; pivots count from 1): the sign and log|det|. One thread; `info` > 0: singular.
struct FactorsDeterminant {
  const double* factors;
  const int64_t* pivots;
  const int* info;
  int64_t n;
  double *sign, *log_abs;
  COFACTOR_HD void operator()(int64_t) const {
    using std::abs, std::log;
    double s = *info > 0 ? 0.0 : 1.0, total = 0.0;
    for (int64_t i = 0; i < n; ++i) {
      const double pivot = factors[i * n + i];
      if (pivot < 0.0) s = -s;
      if (pivots[i] != i + 1) s = -s;
      total += log(abs(pivot));
    }
    *sign = s;
    *log_abs = *info > 0 ? -std::numeric_limits<double>::infinity() : total;
  }
};

// y = the identity (n, n), or NaN everywhere where the factorisation found its matrix singular.
struct IdentityUnlessSingular {
  const int* info;
  int64_t n;
  double* y;
  COFACTOR_HD void operator()(int64_t i) const {
    const double entry = i / n == i % n ? 1.0 : 0.0;
    y[i] = *info > 0 ? std::numeric_limits<double>::quiet_NaN() : entry;
  }
};

// From the SVD u = W S V^T and the signs of det W and det V: det u, and the cofactor matrix, whose entry (r, c) is
// det(W) det(V) sum over k of W(r, k) * (product of the other singular values) * V(c, k). w holds W row by row, vt V^T.
// One thread per entry.
struct CofactorsFromSvd {
  const double *w, *s, *vt, *sign_w, *sign_vt;
  int64_t n;
  double *det, *cofactors;
  COFACTOR_HD void operator()(int64_t i) const {
    const double orientation = *sign_w * *sign_vt;
    double total = 0.0;
    for (int64_t k = 0; k < n; ++k) {
      double others = orientation;
      for (int64_t j = 0; j < n; ++j)
        if (j != k) others *= s[j];
      total += w[i / n * n + k] * others * vt[k * n + i % n];
    }
    cofactors[i] = total;
    if (i > 0) return;
    double product = orientation;
    for (int64_t k = 0; k < n; ++k) product *= s[k];
    *det = product;
  }
};

}  // namespace cofactor::cuda
