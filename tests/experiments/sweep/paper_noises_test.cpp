#include "experiments/sweep/paper_noises.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

#include "data/sets/cifar10.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/numbers.h"

using namespace cofactor;
using namespace cofactor::testing;

TEST_SUITE("unit") {
  TEST_CASE("paper noises: those of two classes are the paper's matrices") {
    const std::vector<std::string> clothes = {"bag", "clothes"}, animals = {"cat", "dog"},
                                   reviews = {"negative", "positive"};
    CHECK(paper_noise("uniform", clothes, 0.5).values() == std::vector<double>{0.75, 0.25, 0.25, 0.75});
    CHECK(paper_noise("bags-to-clothes", clothes, 0.25).values() == std::vector<double>{0.75, 0.25, 0, 1});
    CHECK(paper_noise("clothes-to-bags", clothes, 0.25).values() == std::vector<double>{1, 0, 0.25, 0.75});
    CHECK(paper_noise("cat-to-dog", animals, 0.25).values() == std::vector<double>{0.75, 0.25, 0, 1});
    CHECK(paper_noise("positive-to-negative", reviews, 0.25).values() == std::vector<double>{1, 0, 0.25, 0.75});
    CHECK(paper_noise("positive-to-negative", reviews, 0.0) == Transition::identity(2));
    for (const double rate : {-1.0, 1.25, kNan}) {
      const std::string message = fmt::format("label noise: the rate {} lies outside [0, 1]", rate);
      CHECK(error_of([&] { paper_noise("clothes-to-bags", clothes, rate); }) == message);
      CHECK(error_of([&] { paper_noise("uniform", clothes, rate); }) == message);
    }
  }

  TEST_CASE("paper noises: CIFAR-10's flip similar classes or any") {
    const std::vector<std::string> classes(kCifar10Classes.begin(), kCifar10Classes.end());
    const Transition similar = paper_noise("similar-classes", classes, 0.25);
    const std::vector<std::pair<int, int>> flips = {{9, 1}, {2, 0}, {4, 7}, {3, 5}};
    for (int from = 0; from < 10; ++from)
      for (int to = 0; to < 10; ++to) {
        const bool is_flip = std::ranges::find(flips, std::pair{from, to}) != flips.end();
        const bool flips_away = std::ranges::find(flips, from, &std::pair<int, int>::first) != flips.end();
        CHECK(similar.at(from, to) == (is_flip ? 0.25 : from != to ? 0.0 : flips_away ? 0.75 : 1.0));
      }
    CHECK(paper_noise("uniform", classes, 0.5).at(3, 3) == doctest::Approx(0.55));
    CHECK(paper_noise("uniform", classes, 0.5).at(3, 4) == doctest::Approx(0.05));
    CHECK(paper_noise("symmetric", classes, 0.45).at(3, 3) == doctest::Approx(0.55));
    CHECK(paper_noise("symmetric", classes, 0.45).at(3, 4) == doctest::Approx(0.05));
  }

  TEST_CASE("paper noises: an unknown name and classes that are not there are errors") {
    CHECK(contains(error_of([] {
                     paper_noise("pairs", {"cat", "dog"}, 0.1);
                   }),
                   "noise pairs: unknown name, expected one of: uniform, symmetric, bags-to-clothes, "));
    CHECK(error_of([] {
            paper_noise("cat-to-dog", {"cat", "wolf"}, 0.1);
          }) == "noise cat-to-dog: there is no class 'dog' among cat, wolf");
  }
}
