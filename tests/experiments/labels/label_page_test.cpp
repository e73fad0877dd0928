#include "experiments/labels/label_page.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "experiments/labels/label_figures.h"
#include "tests/experiments/labels/judged_sample.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

using namespace cofactor;
using namespace cofactor::testing;

namespace {

struct WrittenPage {
  std::string text;
  Json data;
};

WrittenPage write_page(const JudgedLabels& labels, const LabelPageOptions& options) {
  const TemporaryFolder folder;
  write_label_page(folder / "report.html", labels, judge(labels), options);
  WrittenPage page{read_file(folder / "report.html"), {}};
  const std::string begin = "id=\"data\">";
  const size_t at = page.text.find(begin) + begin.size();
  page.data = parse_json(page.text.substr(at, page.text.find("</script>", at) - at));
  return page;
}

std::string nonce_of(const std::string& page) {
  const size_t at = page.find("'nonce-") + 7;
  return page.substr(at, page.find('\'', at) - at);
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("label page: the data of the suspects is complete and cannot end its element") {
    JudgedLabels labels = judged_sample({"</script>", "<!--", "c"}, 90);
    for (std::string& id : labels.ids) id = "</script>\xE2\x80\xA8\\\"" + id;
    labels.ids[4] = "\xE9</script>";
    const LabelPageOptions options{.title = "<b>t</b>",
                                   .text = [](int64_t i) { return fmt::format("</script>{}", i); }};
    const WrittenPage page = write_page(labels, options);
    const Verdict verdict = judge(labels);
    const Json& suspects = page.data["suspects"];
    REQUIRE(static_cast<int64_t>(suspects.size()) == verdict.suspects);
    for (const Json& suspect : suspects) {
      const auto i = static_cast<size_t>(field<int64_t>(suspect, "row"));
      CHECK(verdict.suspect[i] == 1);
      CHECK(field<std::string>(suspect, "id") == (i == 4 ? "\\xE9</script>" : labels.ids[i]));
      CHECK(field<int>(suspect, "given") == labels.given[i]);
      CHECK(field<std::string>(suspect, "text") == fmt::format("</script>{}", i));
    }
    CHECK(contains(page.text, "&lt;b&gt;t&lt;/b&gt;"));
    CHECK_FALSE(contains(page.text, "<b>t"));
  }

  TEST_CASE("label page: scripts need a nonce that is new on every page") {
    const JudgedLabels labels = judged_sample({"a", "b"}, 40);
    const std::string first = nonce_of(write_page(labels, {.title = "t"}).text);
    CHECK(first.size() == 32);
    CHECK(first != nonce_of(write_page(labels, {.title = "t"}).text));
  }

  TEST_CASE("label page: what a browser keeps is kept by run and data") {
    JudgedLabels labels = judged_sample({"a", "b"}, 40);
    const auto key = [&](const std::string& run) {
      return field<std::string>(write_page(labels, {.title = "t", .run = run}).data, "key");
    };
    const std::string first = key("ce");
    CHECK(first == key("ce"));
    CHECK(first != key("dmi"));
    labels.given[0] = 1;
    CHECK(first != key("ce"));
  }

  TEST_CASE("label page: at most so many suspects are shown and the page says how many are not") {
    const JudgedLabels labels = judged_sample({"a", "b"}, 4000);
    const int64_t all = judge(labels).suspects;
    const WrittenPage page = write_page(labels, {.title = "t", .most_suspects = 100});
    CHECK(page.data["suspects"].size() == 100);
    CHECK(contains(page.text, fmt::format("{} more are in suspects.csv only", all - 100)));
    CHECK_FALSE(contains(write_page(labels, {.title = "t"}).text, "more are in suspects.csv"));
  }

  TEST_CASE("label page: images are thumbnails and those that cannot be read are left out") {
    const JudgedLabels labels = judged_sample({"a", "b"}, 60);
    LabelPageOptions options{.title = "t", .threads = 2};
    options.image = [](int64_t i) -> std::optional<RgbImage> {
      if (i % 3 == 0) fail("sample {} has gone", i);
      if (i % 3 == 1) return std::nullopt;
      return RgbImage{300, 100, std::vector<uint8_t>(300 * 100 * 3, 128)};
    };
    const WrittenPage page = write_page(labels, options);
    int64_t pictures = 0;
    for (const Json& suspect : page.data["suspects"]) {
      const auto image = field<std::string>(suspect, "image");
      CHECK(image.empty() == (field<int64_t>(suspect, "row") % 3 != 2));
      if (image.empty()) continue;
      ++pictures;
      CHECK(image.starts_with("/9j/"));  // FF D8 FF in base 64
      CHECK(image.size() % 4 == 0);
    }
    CHECK(pictures > 0);
  }

  TEST_CASE("label page: earlier decisions are part of it and texts are cut between characters") {
    const JudgedLabels labels = judged_sample({"a", "b"}, 40);
    std::string text(599, 'x');
    text += "\xC3\xA9 and more";
    LabelPageOptions options{.title = "t",
                             .reviewed = {{.id = "z", .given = "b", .decision = Decision::leave_out, .label = ""}},
                             .text = [&](int64_t) { return text; }};
    const WrittenPage page = write_page(labels, options);
    CHECK(page.data["earlier"] == Json::array({Json::array({"z", "b", "leave_out", ""})}));
    CHECK(field<std::string>(page.data["suspects"][0], "text") == std::string(599, 'x') + " …");
  }

  TEST_CASE("label page: without suspects or epochs or with many classes it is complete") {
    const JudgedLabels clean = judged_sample({"a", "b"}, 40, 1000);
    const WrittenPage page = write_page(clean, {.title = "t"});
    CHECK(page.data["suspects"].empty());
    CHECK_FALSE(contains(page.text, "<h2>Training</h2>"));
    CHECK(contains(page.text, "class=\"heat\""));
    std::vector<std::string> names;
    for (int c = 0; c < 200; ++c) names.push_back(fmt::format("class {:03}", c));
    const WrittenPage many = write_page(judged_sample(names, 3000), {.title = "t"});
    CHECK_FALSE(contains(many.text, "class=\"heat\""));
    CHECK(contains(many.text, "The most confused pairs of the 200 classes"));
    CHECK(contains(many.text, "The 30 classes with the highest share"));
    const TemporaryFolder folder;
    CHECK(throws_saying("a verdict on 40 samples for 60 labels", [&] {
      write_label_page(folder / "report.html", judged_sample({"a", "b"}, 60), judge(clean), {.title = "t"});
    }));
    CHECK(folder.count() == 0);
  }

  TEST_CASE("label page: text that would turn the text around it is shown by its codes") {
    CHECK(page_text("a\xE2\x80\xAE<b>\xE2\x81\xA6\xD8\x9C") == "a\\u202E&lt;b&gt;\\u2066\\u061C");
    CHECK(page_text("x\xE2\x80\xA8y\n") == "x\\u2028y\\u000A");
    CHECK(page_text("caf\xC3\xA9 \xE9 \xE2\x80\x93") == "caf\xC3\xA9 \\xE9 \xE2\x80\x93");
  }

  TEST_CASE("label page: a curve is broken where a loss is infinite") {
    std::vector<EpochMetrics> history;
    for (int epoch = 0; epoch < 4; ++epoch)
      history.push_back({.epoch = epoch,
                         .train_loss = 1.0 - 0.1 * epoch,
                         .valid_loss = epoch == 1 ? INFINITY : 2.0,
                         .valid_accuracy = 50.0});
    const std::string drawn = training_curves(history);
    CHECK(std::ranges::count(drawn, 'M') >= 4);
    CHECK(contains(drawn, "epoch 4"));
    CHECK(contains(drawn, "<td>inf</td>"));
    CHECK_FALSE(contains(drawn, "nan"));
    CHECK(training_curves({}).empty());
  }
}
