#include "experiments/labels/label_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "data/checksum.h"
#include "data/files/file_account.h"
#include "data/images/encode.h"
#include "data/parallel_for.h"
#include "engine/error.h"
#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/io/utf8.h"
#include "experiments/labels/label_figures.h"
#include "experiments/labels/label_files.h"
#include "experiments/labels/label_summary.h"
#include "experiments/labels/texts.h"
#include "experiments/report/html.h"
#include "experiments/training/stop.h"

namespace cofactor {

namespace {

constexpr int64_t kThumbnailSide = 96;
constexpr size_t kMostText = 600;

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i)
      group = group << 8 | (at + i < bytes.size() ? static_cast<uint8_t>(bytes[at + i]) : 0U);
    const size_t digits = std::min<size_t>(3, bytes.size() - at) + 1;
    for (size_t i = 0; i < 4; ++i) text += i < digits ? kDigits[group >> (18 - 6 * i) & 63U] : '=';
  }
  return text;
}

// JSON within a script element: nothing in it ends the element or begins a comment.
std::string json_for_script(const Json& json) {
  std::string safe;
  for (const char c : write_json(json)) {
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  }
  return safe;
}

// The beginning of a text, cut between characters.
std::string excerpt(std::string_view text) {
  if (!is_utf8(text)) return legible(text, kMostText);
  if (text.size() <= kMostText) return std::string(text);
  size_t end = 0;
  for (size_t length = 0; end + (length = utf8_length(text, end)) <= kMostText;) end += length;
  return std::string(text.substr(0, end)) + " …";
}

std::string thumbnail_of(const LabelPageOptions& options, int64_t sample) {
  try {
    const std::optional<RgbImage> image = options.image(sample);
    return image ? base64(encode_jpeg(thumbnail(*image, kThumbnailSide))) : std::string();
  } catch (const Error&) {
    return {};  // the file may have gone since it was trained on; the page says that there is no image
  }
}

Json suspects_json(const JudgedLabels& labels, const Verdict& verdict, const LabelPageOptions& options,
                   const std::vector<int64_t>& suspects) {
  std::vector<std::string> thumbnails(suspects.size());
  if (options.image) {
    parallel_for(std::ssize(suspects), options.threads, [&](int64_t at) {
      StopSignals::check();
      thumbnails[static_cast<size_t>(at)] = thumbnail_of(options, suspects[static_cast<size_t>(at)]);
    });
  }
  Json list = Json::array();
  for (size_t at = 0; at < suspects.size(); ++at) {
    const auto i = static_cast<size_t>(suspects[at]);
    const std::span<const float> row = labels.predictions().row(suspects[at]);
    const int32_t given = labels.given[i], predicted = verdict.predicted[i];
    Json entry = {{"row", suspects[at]},
                  {"id", written_id(labels.ids[i])},
                  {"given", given},
                  {"predicted", predicted},
                  {"suggested", verdict.suggested[i]},
                  {"quality", verdict.quality[i]},
                  {"given_probability", row[static_cast<size_t>(given)]},
                  {"predicted_probability", row[static_cast<size_t>(predicted)]},
                  {"part", std::string(name_of(labels.part[i]))}};
    if (options.image) entry["image"] = thumbnails[at];
    if (options.text) entry["text"] = excerpt(options.text(suspects[at]));
    list.push_back(std::move(entry));
  }
  return list;
}

// What a browser keeps decisions under. They are of ids and labels, so another run, or other data, has other ones.
std::string storage_key(const JudgedLabels& labels, const LabelPageOptions& options) {
  Checksum checksum;
  checksum.mix(options.run);
  for (const std::string& name : labels.classes) checksum.mix(name);
  for (const std::string& id : labels.ids) checksum.mix(id);
  checksum.mix_bytes(labels.given.data(), labels.given.size() * sizeof(int32_t));
  return "cofactor-labels-" + checksum.text();
}

Json reviewed_json(const std::vector<ReviewedLabel>& reviewed) {
  Json list = Json::array();
  for (const ReviewedLabel& decided : reviewed)
    list.push_back({decided.id, decided.given, std::string(name_of(decided.decision)), decided.label});
  return list;
}

Json page_json(const JudgedLabels& labels, const Verdict& verdict, const LabelPageOptions& options,
               const std::vector<int64_t>& suspects) {
  return {{"key", storage_key(labels, options)},
          {"classes", labels.classes},
          {"earlier", reviewed_json(options.reviewed)},
          {"suspects", suspects_json(labels, verdict, options, suspects)}};
}

std::string left_out_sentence(const Verdict& verdict, size_t shown) {
  const auto left_out = verdict.suspects - static_cast<int64_t>(shown);
  if (left_out <= 0) return {};
  return fmt::format("<p>The {} suspects with the lowest quality are shown. {} more are in {} only.</p>\n",
                     in_thousands(static_cast<int64_t>(shown)), in_thousands(left_out), kSuspectsFile);
}

std::string settings_list(const std::vector<std::string>& settings) {
  if (settings.empty()) return {};
  std::string lines;
  for (const std::string& line : settings) lines += page_text(line) + '\n';
  return fmt::format("<details><summary>Settings</summary><pre>{}</pre></details>\n", lines);
}

std::string paragraphs(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences)
    text += fmt::format("<p class=\"caution\">{}</p>\n", page_text(sentence));
  return text;
}

// Lets this page's own script run and no other: text from outside was written before it was drawn.
std::string new_nonce() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

}  // namespace

void write_label_page(const std::filesystem::path& path, const JudgedLabels& labels, const Verdict& verdict,
                      const LabelPageOptions& options) {
  check(verdict.predicted.size() == labels.given.size() && verdict.suspect.size() == labels.given.size(),
        "label page: a verdict on {} samples for {} labels", verdict.predicted.size(), labels.given.size());
  std::vector<int64_t> suspects = suspects_by_quality(verdict);
  if (std::ssize(suspects) > options.most_suspects) suspects.resize(static_cast<size_t>(options.most_suspects));
  const std::string page =
      fill(kLabelPageTemplate,
           {{"nonce", new_nonce()},
            {"title", page_text(options.title)},
            {"wrong", page_text(wrong_labels_sentence(labels, verdict))},
            {"cautions", paragraphs(cautions(labels, verdict))},
            {"next", page_text(next_step(labels, verdict))},
            {"samples", in_thousands(labels.samples())},
            {"suspects", in_thousands(verdict.suspects)},
            {"score", page_text(name_of(labels.score))},
            {"estimates", estimates_table(labels, verdict)},
            {"bars", noise_bars(labels, verdict)},
            {"matrices", noise_matrices(labels, verdict)},
            {"curves", options.history.empty() ? "" : "<h2>Training</h2>\n" + training_curves(options.history)},
            {"left_out", left_out_sentence(verdict, suspects.size())},
            {"settings", settings_list(options.settings)},
            {"version", page_text(options.version)},
            {"data", json_for_script(page_json(labels, verdict, options, suspects))}});
  write_file_atomically(path, page);
}

}  // namespace cofactor
