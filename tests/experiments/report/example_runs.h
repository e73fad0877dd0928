// Finished runs for tests of what is made of them.
#pragma once

#include <fmt/format.h>

#include "experiments/report/results.h"

namespace cofactor::testing {

// Of Fashion-MNIST by the paper's protocol; `content` stands for the training data.
inline Result full_run(const std::string& method, uint64_t seed, double accuracy, double rate = 0.2,
                       const std::string& content = "a") {
  const std::string plan = R"({"optimizer":"adam","lr":0.0001,"epochs":20,"batch_size":128})";
  Result made;
  made.experiment = "fashion_mnist";
  made.noise = "clothes-to-bags";
  made.rate = rate;
  made.method = method;
  made.seed = seed;
  made.test_accuracy = accuracy;
  made.majority_accuracy = 90.0;
  made.epochs = 20;
  made.settings =
      fmt::format(R"({{"experiment":"fashion_mnist","seed":{},"data":{{"train":{{"samples":50000,"content":"{}"}},)"
                  R"("validation":{{"samples":10000,"content":"b"}}}},"pretraining":{}{},)"
                  R"("test":{{"samples":10000,"content":"c"}}}})",
                  seed, content, plan,
                  method == "ce" ? std::string() : fmt::format(R"(,"method":"{}","finetuning":{})", method, plan));
  return made;
}

}  // namespace cofactor::testing
