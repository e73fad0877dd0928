// What the paper states and derives, in numbers: derive theorem [FLAGS]
#include <string_view>

#include "experiments/derive/theorem.h"
#include "experiments/sweep/program.h"

int main(int argc, char** argv) {
  using namespace cofactor;
  return run_main("derive", [&] {
    if (argc < 2 || std::string_view(argv[1]) != "theorem") usage("expected derive theorem (--help lists the flags)");
    return derive_theorem(argc - 1, argv + 1);
  });
}
