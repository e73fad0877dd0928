#include "experiments/sweep/input_record.h"

#include <fmt/ranges.h>

#include <functional>
#include <initializer_list>
#include <map>

#include "data/checksum.h"
#include "data/files/csv.h"
#include "data/files/file_account.h"
#include "engine/error.h"
#include "engine/io/file.h"
#include "experiments/report/csv_field.h"

namespace cofactor {
namespace {

constexpr const char* kRecordHead = "part,given_label,checksum,file\n";

using Samples = std::vector<RecordedSample>;

struct Counts {
  int64_t relabelled = 0, changed = 0, renamed = 0, added = 0, gone = 0, dealt = 0;
};

using Key = std::function<std::string(const RecordedSample&)>;
using Pair = std::function<void(const RecordedSample&, const RecordedSample&)>;

// Removes the samples that share a key from both lists, in their order, and passes each pair on.
void take_pairs(std::vector<const RecordedSample*>& before, std::vector<const RecordedSample*>& now, const Key& key,
                const Pair& pair) {
  std::multimap<std::string, const RecordedSample*> waiting;
  for (const RecordedSample* sample : before) waiting.emplace(key(*sample), sample);
  std::erase_if(now, [&](const RecordedSample* sample) {
    const auto found = waiting.find(key(*sample));
    if (found == waiting.end()) return false;
    pair(*found->second, *sample);
    waiting.erase(found);
    return true;
  });
  before.clear();
  for (const auto& [text, sample] : waiting) before.push_back(sample);
}

std::vector<const RecordedSample*> pointers_to(const Samples& samples) {
  std::vector<const RecordedSample*> pointers;
  for (const RecordedSample& sample : samples) pointers.push_back(&sample);
  return pointers;
}

Counts count_differences(const Samples& before, const Samples& now) {
  auto old = pointers_to(before), fresh = pointers_to(now);
  Counts counts;
  const auto checksum = [](const RecordedSample& s) { return checksum_text(s.checksum); };
  const auto labelled = [&](const RecordedSample& s) { return checksum(s) + s.label; };
  const auto whole = [&](const RecordedSample& s) { return labelled(s) + '/' + s.name; };
  const auto name = [](const RecordedSample& s) { return s.name; };
  for (const Key& key : std::initializer_list<Key>{whole, name, labelled, checksum}) {
    take_pairs(old, fresh, key, [&](const RecordedSample& a, const RecordedSample& b) {
      counts.relabelled += a.label != b.label ? 1 : 0;
      counts.changed += a.checksum != b.checksum ? 1 : 0;
      counts.dealt += a.part != b.part ? 1 : 0;
      counts.renamed += a.label == b.label && a.name != b.name ? 1 : 0;
    });
  }
  counts.added = static_cast<int64_t>(fresh.size());
  counts.gone = static_cast<int64_t>(old.size());
  return counts;
}

// "3 files are new", "1 file is new"
void say(std::vector<std::string>& sentences, int64_t count, const char* one, const char* several) {
  if (count > 0) sentences.push_back(fmt::format("{} {}", counted(count, "file", "files"), count == 1 ? one : several));
}

}  // namespace

void write_samples(const std::filesystem::path& path, const Samples& samples) {
  std::string text = kRecordHead;
  for (const RecordedSample& sample : samples) {
    text += fmt::format("{},{},{},{}\n", sample.part, csv_field(sample.label), checksum_text(sample.checksum),
                        csv_field(sample.name));
  }
  ensure_writable_directory(path.parent_path());
  write_file_atomically(path, text);
}

std::optional<Samples> read_samples(const std::filesystem::path& path) {
  try {
    const std::string text = read_file(path);
    if (!text.starts_with(kRecordHead) || !text.ends_with('\n')) return std::nullopt;
    const CsvTable table = parse_csv(text, path.string());
    Samples samples;
    for (int64_t row = 0; row < table.rows(); ++row) {
      RecordedSample sample{table.at(row, 0), table.at(row, 1), 0, table.at(row, 3)};
      if (!read_checksum(table.at(row, 2), sample.checksum)) return std::nullopt;
      samples.push_back(std::move(sample));
    }
    return samples;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string difference_of(const Samples& before, const Samples& now) {
  const Counts counts = count_differences(before, now);
  std::vector<std::string> sentences;
  if (counts.relabelled > 0) {
    sentences.push_back(fmt::format("{} of {} labels differ{}", in_thousands(counts.relabelled),
                                    in_thousands(static_cast<int64_t>(now.size())), counts.relabelled == 1 ? "s" : ""));
  }
  say(sentences, counts.changed, "has other contents", "have other contents");
  say(sentences, counts.renamed, "has another name", "have other names");
  say(sentences, counts.added, "is new", "are new");
  say(sentences, counts.gone, "is gone", "are gone");
  say(sentences, counts.dealt, "is in another part", "are in another part");
  std::string text;
  for (size_t i = 0; i < sentences.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == sentences.size() ? " and " : ", ") + sentences[i];
  }
  return text;
}

}  // namespace cofactor
