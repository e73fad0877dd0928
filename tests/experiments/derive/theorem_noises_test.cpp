// The noises of derive theorem: their determinants in closed form, and those that the theorem excludes.
#include "experiments/derive/theorem_noises.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/io/file.h"
#include "experiments/sweep/program.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::theorem {
namespace {

using namespace testing;

double determinant_of(const std::string& kind, double rate, int64_t classes) {
  return std::exp(make_noise(kind, rate, classes, 1).log_abs_det);
}

TEST_SUITE("unit") {
  TEST_CASE("derive theorem noises: determinants in closed form") {
    for (const int64_t classes : {2, 3, 7}) {
      const auto c = static_cast<double>(classes);
      for (const double r : {0.0, 0.2, 0.9}) {
        CAPTURE(classes);
        CAPTURE(r);
        CHECK(determinant_of("uniform", r, classes) == doctest::Approx(std::pow(1.0 - r, c - 1.0)));
        CHECK(determinant_of("symmetric", r, classes) ==
              doctest::Approx(std::pow(std::abs(1.0 - r * c / (c - 1.0)), c - 1.0)));
        CHECK(determinant_of("flip", r, classes) == doctest::Approx(1.0 - r));
        CHECK(determinant_of("cyclic", r, classes) ==
              doctest::Approx(std::abs(std::pow(1.0 - r, c) - std::pow(-r, c))));
      }
      CHECK(determinant_of("random", 0.0, classes) == doctest::Approx(1.0));
      CHECK(determinant_of("random", 0.6, classes) < 0.9);
    }
  }

  TEST_CASE("derive theorem noises: whether the diagonal dominates") {
    CHECK(make_noise("flip", 0.4, 3, 1).is_dominant());
    CHECK(!make_noise("flip", 0.6, 3, 1).is_dominant());
    CHECK(make_noise("uniform", 0.99, 3, 1).is_dominant());
    CHECK(!make_noise("cyclic", 1.0, 3, 1).is_dominant());
    CHECK(make_noise("flip", 0.4, 3, 1).name == "flip 0.4");
  }

  TEST_CASE("derive theorem noises: what is refused says why") {
    const auto refused = [](const std::string& kind, double rate, int64_t classes, const std::string& part) {
      CAPTURE(kind);
      CAPTURE(rate);
      CHECK_THROWS_AS(make_noise(kind, rate, classes, 1), UsageError);
      CHECK(throws_saying(part, [&] { make_noise(kind, rate, classes, 1); }));
    };
    refused("loud", 0.2, 3, "--noise loud: expected one of uniform, symmetric, flip, cyclic, random");
    refused("uniform", -0.1, 3, "--rate -0.1: expected a probability from 0 to 1");
    refused("uniform", 1.5, 3, "--rate 1.5");
    refused("uniform", std::nan(""), 3, "--rate nan");
    for (const auto& [kind, rate, classes] : {std::tuple("uniform", 1.0, 3), std::tuple("flip", 1.0, 3),
                                              std::tuple("symmetric", 0.5, 2), std::tuple("cyclic", 0.5, 4)}) {
      refused(kind, rate, classes, "Theorem 4.1 needs det T != 0");
      refused(kind, rate, classes, "singular");
    }
  }

  TEST_CASE("derive theorem noises: a matrix from a file") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "good.txt", "0.9 0.1\n0.3 0.7\n");
    const NamedNoise noise = noise_from_file(folder / "good.txt", 2);
    CHECK(noise.name == "transition");
    CHECK(noise.log_abs_det == doctest::Approx(std::log(0.6)));
    CHECK(noise.amplification == doctest::Approx(1.2 / 0.6));  // of [[0.7 -0.1] [-0.3 0.9]] / 0.6
    write_file_atomically(folder / "singular.txt", "0.5 0.5\n0.5 0.5\n");
    CHECK(throws_saying("needs det T != 0", [&] { noise_from_file(folder / "singular.txt", 2); }));
    CHECK(throws_saying("expected one for each of the 3 classes", [&] { noise_from_file(folder / "good.txt", 3); }));
    CHECK(throws_saying("absent.txt", [&] { noise_from_file(folder / "absent.txt", 3); }));
  }
}

}  // namespace
}  // namespace cofactor::theorem
