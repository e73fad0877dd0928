// train --drop-suspects, --relabel and --labels-reviewed: the labels that networks are trained with in the end.
#include <doctest/doctest.h>

#include "experiments/report/results.h"
#include "tests/experiments/own_samples.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

namespace fs = std::filesystem;

// Among the samples in folds.
struct Trained {
  int all = 0, wrong = 0, wrong_and_no_suspect = 0, suspects = 0;
};

Trained count_trained(const FeaturePlace& place, const fs::path& run) {
  Trained found;
  for (const JudgedRow& row : judged_rows(run)) {
    if (row.fold == 0) continue;
    const bool wrong = place.labels.wrong(std::stoi(row.id.substr(1)));
    ++found.all;
    found.wrong += wrong ? 1 : 0;
    found.suspects += row.suspect ? 1 : 0;
    found.wrong_and_no_suspect += wrong && !row.suspect ? 1 : 0;
  }
  return found;
}

// The numbers of a line, in order.
std::vector<int> numbers_after(const std::string& text, const std::string& part) {
  std::vector<int> numbers;
  const size_t at = text.find(part);
  if (at == std::string::npos) return numbers;
  std::istringstream words(text.substr(at + part.size(), text.find('\n', at) - at - part.size()));
  for (std::string word; words >> word;)
    if (std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; })) numbers.push_back(std::stoi(word));
  return numbers;
}

class AmendPlace : public FeaturePlace {
 public:
  using FeaturePlace::FeaturePlace;
  // `decisions` are lines of a table of decisions.
  Outcome review(const std::string& decisions, std::vector<std::string> flags) const {
    write_file_atomically(path("reviewed.csv"), "id,given_label,decision,label\n" + decisions);
    flags.insert(flags.end(), {"--labels-reviewed", path("reviewed.csv").string()});
    return run(with(flags));
  }
};

JudgedRow row_of(const fs::path& run, const std::string& id) {
  for (const JudgedRow& row : judged_rows(run))
    if (row.id == id) return row;
  fail("test: no row {}", id);
}

// Suspects with a fold whose labels are wrong.
std::vector<JudgedRow> wrong_suspects(const FeaturePlace& place, const fs::path& run) {
  std::vector<JudgedRow> rows = judged_rows(run);
  std::erase_if(rows, [&](const JudgedRow& row) {
    return !row.suspect || row.fold == 0 || !place.labels.wrong(std::stoi(row.id.substr(1)));
  });
  return rows;
}

}  // namespace

TEST_SUITE("experiment") {
  TEST_CASE("train: the last networks are trained without the suspects or with other labels for them") {
    const FeaturePlace place;
    std::vector<std::string> flags = {"--folds", "3", "--method", "ce,dmi"};
    std::string amendment = "drop-suspects", judge = "ce";
    SUBCASE("dropped, by the first method") {}
    SUBCASE("dropped, by another") {
      judge = "dmi";
    }
    SUBCASE("relabelled") {
      amendment = "relabel";
    }
    flags.push_back("--" + amendment);
    if (judge != "ce") flags.insert(flags.end(), {"--judge", judge});
    const Outcome outcome = place.train(flags);
    CAPTURE(outcome.out);
    const Trained found = count_trained(place, place.cell() / judge);
    CHECK(found.wrong >= 10);
    CHECK(found.wrong_and_no_suspect <= found.wrong / 3);
    const std::vector<int> said = numbers_after(outcome.out, amendment + " by the folds of " + judge + ": ");
    REQUIRE(said.size() == 6);  // "A of B training and C of D validation samples are left, E and F of them ..."
    CHECK(said[1] + said[3] == found.all);
    if (amendment == "relabel") {
      CHECK(said[0] + said[2] == found.all);
      CHECK(said[4] + said[5] == found.suspects);
    } else {
      CHECK(said[0] + said[2] == found.all - found.suspects);
      CHECK(said[4] + said[5] == 0);
    }
    const auto results = read_results(place.out() / "results.jsonl").results;
    REQUIRE(results.size() == 2);
    for (const Result& result : results)
      CHECK(
          contains(result.settings, fmt::format(R"("amended":{{"by":"{}","judge":"{}","folds":3)", amendment, judge)));
    const auto files = files_below(place.out());
    place.train(flags);
    CHECK(files_below(place.out()) == files);  // nothing is trained or judged again
  }

  TEST_CASE("train: an amendment in the folder of a plain run is an error that names the flags") {
    const FeaturePlace place;
    place.train({"--method", "ce"});
    const auto files = files_below(place.out());
    const auto refused = [&](const std::vector<std::string>& flags, const std::vector<std::string>& parts) {
      const Outcome outcome = place.run(place.with(flags));
      CAPTURE(outcome.err);
      CHECK(outcome.code == 1);
      for (const std::string& part : parts) CHECK(contains(outcome.err, part));
      CHECK(files_below(place.out()) == files);
    };
    refused({"--method", "ce", "--folds", "3", "--drop-suspects"},
            {"the result of train, none, rate 0, ce, seed 1",
             "amended/by nothing there, \"drop-suspects\" asked for [--drop-suspects or --relabel]",
             "amended/folds nothing there, 3 asked for [--folds]", "amended/judge nothing there, \"ce\" asked for",
             "[--judge]", "[--quality]", "--out DIR"});
    refused({"--method", "ce", "--folds", "3", "--relabel"}, {"\"relabel\" asked for [--drop-suspects or --relabel]"});
    refused({"--method", "ce", "--model", "mlp"}, {"options/model \"linear\" there, \"mlp\" asked for [--model]",
                                                   "options/hidden \"\" there, \"256,256\" asked for [--hidden]"});
  }

  TEST_CASE("train: reviewed labels are trained with and confirmed ones are no suspects") {
    const AmendPlace place;
    const std::vector<std::string> flags = {"--folds", "3", "--method", "ce"};
    place.train(flags);
    const fs::path run = place.cell() / "ce";
    // Of three suspects whose labels are wrong, one is corrected, one left out, and one confirmed all the same.
    const std::vector<JudgedRow> wrong = wrong_suspects(place, run);
    REQUIRE(wrong.size() >= 3);
    const std::string corrected = wrong[0].id, left_out = wrong[1].id, confirmed = wrong[2].id;
    const std::string right = wrong[0].given == "c0" ? "c1" : "c0";
    const std::string first =
        fmt::format("{},{},change,{}\n{},{},leave_out,\n", corrected, wrong[0].given, right, left_out, wrong[1].given);
    const Outcome changed = place.review(first, flags);
    CAPTURE(changed.err);
    REQUIRE(changed.code == 0);
    CHECK(contains(changed.out, "the data differs from that of the run of"));
    CHECK(contains(changed.out, "start over; the old ones are kept, in"));
    CHECK(fs::exists(place.cell() / "ce.previous-1/labels.csv"));
    CHECK(fs::exists(place.cell() / "fold1of3/ce.previous-1/probabilities.npy"));
    CHECK(row_of(run, corrected).given == right);
    CHECK(row_of(run, corrected).quality == "1");
    CHECK(!row_of(run, corrected).suspect);
    CHECK(row_of(run, left_out).given.empty());
    CHECK(row_of(run, left_out).quality.empty());
    CHECK(row_of(run, confirmed).suspect);
    const std::string page = read_file(run / "report.html");
    for (const std::string& id : {corrected, left_out})
      CHECK(contains(page, fmt::format("\"{}\"", id)));  // no suspects any more, but decided on

    // A label that is confirmed changes no label: the same networks judge again.
    const auto weights = read_file(run / "weights.safetensors");
    const auto metrics = read_file(run / "metrics.jsonl");
    const Outcome kept = place.review(first + fmt::format("{},{},keep,\n", confirmed, wrong[2].given), flags);
    REQUIRE(kept.code == 0);
    CHECK(contains(kept.out, "1 run is judged again and not trained"));
    CHECK(!row_of(run, confirmed).suspect);
    CHECK(row_of(run, confirmed).quality == "1");
    CHECK(read_file(run / "weights.safetensors") == weights);
    CHECK(read_file(run / "metrics.jsonl") == metrics);

    // Without decisions, the first networks are there again.
    const Outcome back = place.train(flags);
    CHECK(contains(back.out, "restored"));
    CHECK(row_of(run, corrected).suspect);
  }

  TEST_CASE("train: an amendment starts over beside the old one where decisions have changed") {
    const AmendPlace place;
    const std::vector<std::string> flags = {"--folds", "3", "--method", "ce", "--drop-suspects"};
    place.train(flags);
    const fs::path run = place.cell() / "ce";
    const auto folds = read_file(place.cell() / "fold1of3/ce/metrics.jsonl");
    const std::vector<JudgedRow> wrong = wrong_suspects(place, run);
    REQUIRE(!wrong.empty());
    const std::string confirmed = wrong[0].id;
    const Outcome kept = place.review(fmt::format("{},{},keep,\n", confirmed, wrong[0].given), flags);
    CAPTURE(kept.err);
    REQUIRE(kept.code == 0);
    CHECK(contains(kept.out, "its suspects follow from other test samples, or from other decisions about labels"));
    CHECK(fs::exists(place.cell() / "ce.previous-1/labels.csv"));
    CHECK(!row_of(run, confirmed).suspect);
    CHECK(read_file(place.cell() / "fold1of3/ce/metrics.jsonl") == folds);  // the folds are the same
    CHECK(contains(place.train(flags).out, "restored"));
  }
}
