// Writes pages of labels with hostile names, for a browser, and reads the table that such a page saves.
// usage: sample_label_pages FOLDER          writes FOLDER/images/report.html, and so on for text and features
//        sample_label_pages FOLDER TABLE    reads the table and prints what was decided, one JSON array per line
#include <fmt/format.h>

#include "data/files/label_table.h"
#include "data/sets/reviewed_labels.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "experiments/labels/label_files.h"
#include "experiments/labels/label_page.h"
#include "tests/data/tiny_images.h"
#include "tests/experiments/labels/judged_sample.h"

namespace {

using namespace cofactor;
using namespace cofactor::testing;
namespace fs = std::filesystem;

const std::vector<std::string> kHostile = {"</script><script>owned = true</script>",
                                           "<img src=x onerror='owned = true'>",
                                           "\"quoted\", 'and' <b>bold</b>",
                                           "back\\slash \\u003c",
                                           "two\nlines\u2028and a separator",
                                           "left \u202E thgir",
                                           "=1+1",
                                           "<!-- {{data}}"};

JudgedLabels hostile_labels(int64_t samples) {
  JudgedLabels labels = judged_sample(kHostile, samples);
  for (size_t i = 0; i < labels.ids.size(); ++i)
    labels.ids[i] = fmt::format("{} {:03}", kHostile[i * 3 % kHostile.size()], i);
  return labels;
}

std::vector<EpochMetrics> curves() {
  std::vector<EpochMetrics> history;
  for (int epoch = 0; epoch < 12; ++epoch) {
    history.push_back({.epoch = epoch,
                       .train_loss = 2.0 / (epoch + 1),
                       .valid_loss = epoch == 3 ? INFINITY : 2.2 / (epoch + 1),
                       .valid_accuracy = 90.0 - 50.0 / (epoch + 1)});
  }
  return history;
}

LabelPageOptions page_options(const std::string& form) {
  LabelPageOptions options{.title = "a page of " + form + ", " + kHostile[0],
                           .run = form,
                           .history = curves(),
                           .settings = {kHostile[0], "lr 0.001"},
                           .version = kHostile[1]};
  if (form == "images") {
    options.image = [](int64_t i) -> std::optional<RgbImage> {
      check(i % 10 != 9, "the image of sample {} has gone", i);
      return tiny_class_image(i % 20 == 4 ? 200 : 32, static_cast<int>(i % 8), static_cast<uint64_t>(i));
    };
  }
  if (form == "text")
    options.text = [](int64_t i) { return kHostile[static_cast<size_t>(i) % kHostile.size()] + " and so on"; };
  if (form == "features")
    options.reviewed = {
        {.id = "decided, before", .given = kHostile[2], .decision = Decision::change, .label = kHostile[0]}};
  return options;
}

void write_pages(const fs::path& folder) {
  for (const std::string form : {"images", "text", "features"}) {
    const JudgedLabels labels = hostile_labels(form == "text" ? 1000 : 400);
    const Verdict verdict = judge(labels);
    fs::create_directories(folder / form);
    write_label_files(folder / form, labels, verdict);
    LabelPageOptions options = page_options(form);
    if (form == "text") options.most_suspects = 150;
    write_label_page(folder / form / kLabelPageFile, labels, verdict, options);
  }
}

void print_decisions(const fs::path& table) {
  const LabelTable read =
      LabelTable::open(table, {.path = {.column = "id"}, .label = {.need = Need::required, .column = "given_label"}});
  const ReviewedLabels all(table, kHostile);
  const std::vector<ReviewedLabel>& reviewed = all.decisions();
  const auto index_of = [](const std::string& name) {
    return name.empty() ? -1 : std::ranges::find(kHostile, name) - kHostile.begin();
  };
  check(read.rows() == std::ssize(reviewed), "{} and {} rows", read.rows(), reviewed.size());
  const Categories& given = read.categories(TableRole::label);
  for (size_t i = 0; i < reviewed.size(); ++i) {
    const ReviewedLabel& decided = reviewed[i];
    check(read.value(static_cast<int64_t>(i), TableRole::path) == decided.id &&
              given.names.at(static_cast<size_t>(given.values[i])) == decided.given,
          "row {} is read in two ways", i);
    fmt::print("{}\n", write_json({decided.id, index_of(decided.given), std::string(name_of(decided.decision)),
                                   index_of(decided.label)}));
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    check(argc == 2 || argc == 3, "usage: sample_label_pages FOLDER [TABLE]");
    if (argc == 2)
      write_pages(argv[1]);
    else
      print_decisions(argv[2]);
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
