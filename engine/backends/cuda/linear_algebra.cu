// Matrix product by cuBLASLt; LU and SVD in f64: up to 64 classes by one block of threads (kernels/lu.h), above, and
// for the smoothed loss, by cuSOLVER.
#include <cmath>

#include "engine/backends/cuda/context.h"
#include "engine/backends/cuda/device_launch.cuh"
#include "engine/backends/cuda/kernels/conv.h"
#include "engine/backends/cuda/kernels/linear_algebra.h"
#include "engine/backends/cuda/kernels/lu.h"
#include "engine/backends/cuda/unrecordable.h"

namespace cofactor {

using cuda::check_cublas;
using cuda::check_cuda;
using cuda::check_cusolver;
using cuda::DeviceLaunch;

namespace {

constexpr size_t kMatmulWorkspace = size_t{32} << 20;  // as recommended by cuBLAS for Hopper

using MatmulDesc = cuda::Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using LayoutDesc = cuda::Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using PreferenceDesc = cuda::Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;
using SolverParams = cuda::Owned<cusolverDnParams_t, cusolverDnDestroyParams>;

// The defaults of cuSOLVER's 64-bit calls.
SolverParams solver_defaults() {
  cusolverDnParams_t params = nullptr;
  check_cusolver(cusolverDnCreateParams(&params), "cusolverDnCreateParams");
  return SolverParams(params);
}

struct MatmulTypes {
  cudaDataType_t data, result, scale;
  cublasComputeType_t compute;
};

// For factors in `dtype`; bf16 is multiplied and summed in f32, and the result is either.
MatmulTypes types_of(DType dtype, DType result, bool allow_tf32) {
  if (dtype == DType::f64) return {CUDA_R_64F, CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F};
  if (dtype == DType::bf16)
    return {CUDA_R_16BF, result == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F};
  return {CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, allow_tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F};
}

// cuBLAS is column-major: a row-major (rows, columns) matrix is its transpose, (columns, rows).
LayoutDesc layout_of(cudaDataType_t type, const Shape& shape) {
  cublasLtMatrixLayout_t layout = nullptr;
  check_cublas(cublasLtMatrixLayoutCreate(&layout, type, static_cast<uint64_t>(shape[1]),
                                          static_cast<uint64_t>(shape[0]), shape[1]),
               "cublasLtMatrixLayoutCreate");
  return LayoutDesc(layout);
}

// y^T = op(b)^T op(a)^T: b comes first, and the bias, one value per column of y, is one per row of y^T, as cuBLASLt
// requires.
MatmulDesc describe(const MatmulTypes& types, bool transpose_a, bool transpose_b, const Tensor& bias) {
  cublasLtMatmulDesc_t handle = nullptr;
  check_cublas(cublasLtMatmulDescCreate(&handle, types.compute, types.scale), "cublasLtMatmulDescCreate");
  MatmulDesc desc(handle);
  const auto set = [&](cublasLtMatmulDescAttributes_t name, const auto& value) {
    check_cublas(cublasLtMatmulDescSetAttribute(handle, name, &value, sizeof(value)), "cublasLtMatmulDescSetAttribute");
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_TRANSB, transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (bias.defined()) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias.raw_data());
  }
  return desc;
}

// The heuristics' first choice among algorithms that add partial sums of a product in the compute type, f32 or f64, in
// a step of its own. The other schemes, in place and in the workspace, keep them in the result's type, and bf16 would
// round each of them.
MatmulPlan choose(cublasLtHandle_t handle, const MatmulDesc& desc, const LayoutDesc& b, const LayoutDesc& a,
                  const LayoutDesc& y, const Shape& shape) {
  cublasLtMatmulPreference_t raw = nullptr;
  check_cublas(cublasLtMatmulPreferenceCreate(&raw), "cublasLtMatmulPreferenceCreate");
  const PreferenceDesc preference(raw);
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t name, const auto& value) {
    check_cublas(cublasLtMatmulPreferenceSetAttribute(raw, name, &value, sizeof(value)),
                 "cublasLtMatmulPreferenceSetAttribute");
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMatmulWorkspace);
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  check_cublas(
      cublasLtMatmulAlgoGetHeuristic(handle, desc.get(), b.get(), a.get(), y.get(), y.get(), raw, 1, &result, &found),
      "cublasLtMatmulAlgoGetHeuristic", "matmul", shape);
  check(found > 0, "matmul of {}: cuBLASLt knows no algorithm for it", shape);
  return {result.algo, result.workspaceSize};
}

}  // namespace

void CudaBackend::Context::multiply(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b,
                                    const Tensor& bias, const Tensor& y) {
  const bool fuse_bias = bias.defined();
  const MatmulTypes types = types_of(a.dtype(), y.dtype(), allow_tf32);
  const MatmulDesc desc = describe(types, transpose_a, transpose_b, fuse_bias ? bias : Tensor());
  const LayoutDesc left = layout_of(types.data, b.shape()), right = layout_of(types.data, a.shape());
  const LayoutDesc result = layout_of(types.result, y.shape());
  const std::vector<int64_t> key{a.dim(0),
                                 a.dim(1),
                                 b.dim(0),
                                 b.dim(1),
                                 transpose_a,
                                 transpose_b,
                                 fuse_bias,
                                 static_cast<int64_t>(a.dtype()),
                                 static_cast<int64_t>(y.dtype()),
                                 allow_tf32};
  auto found = products.find(key);
  if (found == products.end())
    found = products.emplace(key, choose(cublas.get(), desc, left, right, result, a.shape())).first;
  const MatmulPlan& plan = found->second;
  const Tensor workspace = scratch_memory(plan.workspace_bytes);
  const double one64 = 1.0, zero64 = 0.0;
  const float one32 = 1.0f, zero32 = 0.0f;
  const bool wide = y.dtype() == DType::f64;
  const void* one = wide ? static_cast<const void*>(&one64) : &one32;
  const void* zero = wide ? static_cast<const void*>(&zero64) : &zero32;
  check_cublas(cublasLtMatmul(cublas.get(), desc.get(), one, b.raw_data(), left.get(), a.raw_data(), right.get(), zero,
                              y.raw_data(), result.get(), y.raw_data(), result.get(), &plan.algorithm,
                              workspace.raw_data(), plan.workspace_bytes, stream.get()),
               "cublasLtMatmul", "matmul", a.shape());
}

// y (M, N) = op(a) op(b) + bias.
void CudaBackend::matmul(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, const Tensor& bias,
                         const Tensor& y) {
  if (y.numel() == 0) return;
  if (a.numel() == 0) {  // empty sums
    if (bias.defined()) return broadcast(bias, y);
    return fill(y, 0.0);
  }
  // cuBLASLt adds a bias of the result's type only, and is asked to where that is f32 throughout.
  if (!bias.defined() || (a.dtype() == DType::f32 && y.dtype() == DType::f32))
    return context_->multiply(a, transpose_a, b, transpose_b, bias, y);
  cuda::multiply_then_add(
      DeviceLaunch(context_->stream.get(), "matmul", a.shape()), bias, y,
      [&](const Tensor& product) { context_->multiply(a, transpose_a, b, transpose_b, {}, product); });
}

void CudaBackend::Context::factorize(const Tensor& a, const Tensor& pivots, const Tensor& info) {
  const int64_t n = a.dim(0);
  const SolverParams params = solver_defaults();
  size_t device_bytes = 0, host_bytes = 0;
  check_cusolver(cusolverDnXgetrf_bufferSize(cusolver.get(), params.get(), n, n, CUDA_R_64F, a.raw_data(), n,
                                             CUDA_R_64F, &device_bytes, &host_bytes),
                 "cusolverDnXgetrf_bufferSize", "log_abs_det", a.shape());
  const Tensor workspace = scratch_memory(device_bytes);
  std::vector<std::byte> host(host_bytes);
  check_cusolver(cusolverDnXgetrf(cusolver.get(), params.get(), n, n, CUDA_R_64F, a.raw_data(), n,
                                  static_cast<int64_t*>(pivots.raw_data()), CUDA_R_64F, workspace.raw_data(),
                                  device_bytes, host.data(), host_bytes, info.data<int32_t>()),
                 "cusolverDnXgetrf", "log_abs_det", a.shape());
  wait_for_host_workspace(host_bytes);
}

// cuSOLVER does not say that a call is done with its workspace on the host when it returns.
void CudaBackend::Context::wait_for_host_workspace(size_t bytes) {
  if (bytes > 0) check_cuda(cudaStreamSynchronize(stream.get()), "cudaStreamSynchronize");
}

// Up to 64 classes without cuSOLVER. Above: to cuSOLVER, which is column-major, u is its transpose, with the same
// determinant.
void CudaBackend::lu_log_abs_det(const Tensor& u, const Tensor& sign, const Tensor& log_abs,
                                 const Tensor& inverse_transposed) {
  const int64_t n = u.dim(0);
  const DeviceLaunch launch(context_->stream.get(), "log_abs_det", u.shape());
  if (n <= cuda::kMaxLuClasses) {
    launch.groups(1, cuda::LuLogAbsDet{u.data<double>(), static_cast<int>(n), sign.data<double>(),
                                       log_abs.data<double>(), inverse_transposed.data<double>()});
    return;
  }
  cuda::refuse_large_lu(context_->device.gate(), u.shape());
  const Tensor factors = u.clone();
  const Tensor pivots = scratch_memory(static_cast<size_t>(n) * sizeof(int64_t));
  const Tensor info = Tensor::empty({2}, DType::i32, u.device());
  context_->factorize(factors, pivots, info);
  const auto* pivot = static_cast<const int64_t*>(pivots.raw_data());
  int32_t* infos = info.data<int32_t>();
  launch.each(1, cuda::FactorsDeterminant{factors.data<double>(), pivot, infos, n, sign.data<double>(),
                                          log_abs.data<double>()});
  launch.each(n * n, cuda::IdentityUnlessSingular{infos, n, inverse_transposed.data<double>()});
  // The factors are those of u^T. Solving (u^T)^T X = I gives X = u^-1 column by column, which is u^-T row by row.
  const SolverParams params = solver_defaults();
  check_cusolver(
      cusolverDnXgetrs(context_->cusolver.get(), params.get(), CUBLAS_OP_T, n, n, CUDA_R_64F, factors.raw_data(), n,
                       pivot, CUDA_R_64F, inverse_transposed.raw_data(), n, infos + 1),
      "cusolverDnXgetrs", "log_abs_det", u.shape());
}

// Row-major u is column-major u^T = W' S V'^T, so that u = V' S W'^T: gesvd's right factor is u's left one.
void CudaBackend::svd_cofactor(const Tensor& u, const Tensor& det, const Tensor& cofactors) {
  cuda::refuse_svd(context_->device.gate(), u.shape());
  const int64_t n = u.dim(0);
  const DeviceLaunch launch(context_->stream.get(), "log_abs_det", u.shape());
  const auto matrix = [&] { return Tensor::empty({n, n}, DType::f64, u.device()); };
  const auto number = [&] { return Tensor::empty({}, DType::f64, u.device()); };
  const Tensor a = u.clone(), w = matrix(), vt = matrix(), s = Tensor::empty({n}, DType::f64, u.device());
  const Tensor info = Tensor::empty({3}, DType::i32, u.device());
  const SolverParams params = solver_defaults();
  size_t device_bytes = 0, host_bytes = 0;
  check_cusolver(cusolverDnXgesvd_bufferSize(context_->cusolver.get(), params.get(), 'A', 'A', n, n, CUDA_R_64F,
                                             a.raw_data(), n, CUDA_R_64F, s.raw_data(), CUDA_R_64F, vt.raw_data(), n,
                                             CUDA_R_64F, w.raw_data(), n, CUDA_R_64F, &device_bytes, &host_bytes),
                 "cusolverDnXgesvd_bufferSize", "log_abs_det", u.shape());
  const Tensor workspace = scratch_memory(device_bytes);
  std::vector<std::byte> host(host_bytes);
  // Column-major: the left factor's columns are rows of vt as read here, and the right one's rows are columns of w.
  check_cusolver(
      cusolverDnXgesvd(context_->cusolver.get(), params.get(), 'A', 'A', n, n, CUDA_R_64F, a.raw_data(), n, CUDA_R_64F,
                       s.raw_data(), CUDA_R_64F, vt.raw_data(), n, CUDA_R_64F, w.raw_data(), n, CUDA_R_64F,
                       workspace.raw_data(), device_bytes, host.data(), host_bytes, info.data<int32_t>()),
      "cusolverDnXgesvd", "log_abs_det", u.shape());
  context_->wait_for_host_workspace(host_bytes);
  const Tensor sign_w = number(), sign_vt = number(), unused = number();
  lu_log_abs_det(w, sign_w, unused, matrix());
  lu_log_abs_det(vt, sign_vt, unused, matrix());
  launch.each(n * n,
              cuda::CofactorsFromSvd{w.data<double>(), s.data<double>(), vt.data<double>(), sign_w.data<double>(),
                                     sign_vt.data<double>(), n, det.data<double>(), cofactors.data<double>()});
}

}  // namespace cofactor
