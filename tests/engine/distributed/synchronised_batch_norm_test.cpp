// Batch norm with the statistics of all ranks, which are threads here.
#include "engine/distributed/synchronised_batch_norm.h"

#include <doctest/doctest.h>

#include <chrono>

#include "layers/batch_norm.h"
#include "tests/engine/distributed/norm_checks.h"
#include "tests/engine/distributed/thread_ranks.h"

namespace cofactor {
namespace {

using namespace testing;
using namespace std::chrono_literals;

void expect_no_errors(int size, const std::function<void(Communicator&)>& act) {
  CAPTURE(size);
  for (const std::string& error : run_ranks(size, {.deadline = 60s}, act)) CHECK(error == "");
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("synchronised batch norm on one to four ranks is that of the whole batch") {
    for (int size = 1; size <= 4; ++size) expect_no_errors(size, check_batch_norm_over_ranks);
  }

  TEST_CASE("synchronised batch norm in a network in bf16 is about that of the whole batch") {
    expect_no_errors(3, [](Communicator& ranks) {
      const Device device = default_device();
      const Tensor inputs = normal_values({12, 6, 6, 3}, 15, DType::f32, device);
      const auto whole = small_resnet(device, DType::f32), own = small_resnet(device, DType::f32);
      for (const auto& model : {whole, own}) model->compute_in_bf16();
      own->synchronise_batch_norm(&ranks);
      const OwnRows rows(ranks, 12, Shares::one_each);
      const Tensor logits = (*own)(rows.of(inputs)), expected = (*whole)(inputs);
      check_gap("the logits in bf16", logits, rows.of(expected), 0.05);
      const auto buffers = own->buffers(), all_buffers = whole->buffers();
      for (size_t i = 0; i < buffers.size(); ++i)
        if (buffers[i].tensor.dtype() == DType::f32)
          check_gap(buffers[i].name, buffers[i].tensor, all_buffers[i].tensor, 0.05);
    });
  }

  TEST_CASE("running statistics have the same bits on all ranks and forwards are counted once") {
    expect_no_errors(3, [](Communicator& ranks) {
      Initializer init(default_device(), 3);
      BatchNorm norm(init, {.features = 4});
      norm.synchronise_batch_norm(&ranks);
      for (uint32_t step = 0; step < 3; ++step)
        norm(OwnRows(ranks, 11, Shares::one_each).of(normal_values({11, 4}, step, DType::f32, default_device())));
      for (const auto& [name, tensor] : norm.buffers()) {
        if (tensor.dtype() == DType::i32) {
          check(tensor.to_vector<int32_t>() == std::vector<int32_t>{3}, "forwards are not counted once each");
          continue;
        }
        const Tensor first = tensor.clone();
        ranks.broadcast(first, 0);
        check_same_bits(tensor.to_vector<float>(), first.to_vector<float>(), name);
      }
    });
  }

  TEST_CASE("a process that is alone keeps the bits of its own batch norm") {
    const auto ranks = single_communicator();
    const Tensor x = normal_values({9, 5, 4}, 1, DType::f32, default_device(), 3.0);
    std::vector<std::vector<float>> results;
    for (Communicator* set : {static_cast<Communicator*>(nullptr), ranks.get()}) {
      Initializer init(default_device(), 3);
      BatchNorm norm(init, {.features = 4, .activation = Activation::relu});
      norm.synchronise_batch_norm(set);
      results.push_back(norm(x).to_vector<float>());
    }
    CHECK(results[0] == results[1]);
  }

  TEST_CASE("synchronised batch norm: bad arguments are errors with values") {
    const auto ranks = single_communicator();
    const Tensor one = Tensor::full({2}, 1.0, DType::f32, kHost);
    const auto call = [&](const Tensor& x, const BatchNormParams& params, const Tensor& residual = {}) {
      synchronised_batch_norm(x, one, one, one.clone(), one.clone(), params, residual, *ranks);
    };
    const Tensor x = Tensor::zeros({3, 2}, DType::f32, kHost);
    CHECK_NOTHROW(call(x, {}));
    CHECK_THROWS_WITH_AS(call(x, {.training = false}),
                         "synchronised_batch_norm: the parameters are for evaluation, which needs no other ranks",
                         Error);
    CHECK_THROWS_WITH_AS(call(Tensor::zeros({3, 4}, DType::f32, kHost), {}),
                         "synchronised_batch_norm: scale has shape (2), x of shape (3, 4) takes (4)", Error);
    CHECK_THROWS_WITH_AS(call(x, {}, Tensor::zeros({3, 3}, DType::f32, kHost)),
                         "synchronised_batch_norm: residual has shape (3, 3), x has (3, 2)", Error);
    CHECK_THROWS_WITH_AS(call(Tensor::zeros({1, 2}, DType::f32, kHost), {}),
                         "synchronised_batch_norm: x of shape (1, 2) has 1 values per channel on all 1 ranks together, "
                         "training needs at least 2",
                         Error);
    // One value on one of the ranks alone: all of them say so.
    const auto errors = run_ranks(2, {.deadline = 60s}, [&](Communicator& both) {
      const Tensor own = Tensor::zeros({both.rank(), 2}, DType::f32, kHost);
      synchronised_batch_norm(own, one, one, one.clone(), one.clone(), {}, {}, both);
    });
    for (const std::string& error : errors)
      CHECK(error.find("has 1 values per channel on all 2 ranks together") != std::string::npos);
  }

  TEST_CASE("a rank whose network has no synchronised batch norm ends the others with an error") {
    const auto errors = run_ranks(2, {.deadline = 1s}, [](Communicator& ranks) {
      Initializer init(kHost, 3);
      BatchNorm norm(init, {.features = 4});
      if (ranks.rank() == 0) norm.synchronise_batch_norm(&ranks);
      norm(normal_values({3, 4}, 1, DType::f32, kHost));
      if (ranks.rank() == 1) ranks.barrier();
    });
    CAPTURE(errors[0]);
    CHECK(errors[0].find("rank 1 has sent 1 bytes") != std::string::npos);  // where the sum's were expected
    CHECK(errors[1] != "");
  }
}

}  // namespace cofactor
