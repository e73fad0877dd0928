// Finished runs, one line of JSON each in results.jsonl, and the lock that gives a folder to one process.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace cofactor {

// One way to fine-tune, among those of a search.
struct Candidate {
  double lr = 0.0;
  int64_t batch_size = 0;
  double valid_loss = INFINITY;  // of its selected epoch; infinite where it failed
  bool chosen = false;

  bool operator==(const Candidate&) const = default;
};

// One finished run. Accuracies are in percent.
struct Result {
  std::string experiment, noise;
  double rate = 0.0;
  std::string method;
  uint64_t seed = 0;
  double test_accuracy = 0.0;              // of the selected weights, on clean labels
  double best_permutation_accuracy = 0.0;  // the same with the predicted classes renamed in the best way
  double majority_accuracy = 0.0;          // of always predicting the most frequent noisy training label (h0)
  double valid_loss = 0.0;      // the method's own, of the selected epoch, over the whole noisy validation set
  double valid_accuracy = 0.0;  // of the selected epoch, on noisy labels
  int epochs = 0;
  int best_epoch = 0;  // the selected one, from 0
  int64_t skipped_batches = 0, batches = 0;
  double seconds = 0.0;  // of this method's own training, without pre-training
  std::string device, precision;
  std::string processor{};  // the model name of the host's; empty where it is not known
  int threads = 0;
  int ranks = 1;  // processes that shared the batches, each with that many threads
  std::string version;
  std::vector<Candidate> search{};  // all that a search trained, one of them chosen; empty without --search
  std::string settings;             // a JSON object: everything that decides the result (run_settings.h)

  // Identifies the run. Of several lines with one key the last counts: a run whose inputs changed is repeated, and its
  // old line stays.
  auto key() const { return std::tie(experiment, noise, rate, method, seed); }
  // "fashion_mnist, clothes-to-bags, rate 0.8, dmi, seed 1"
  std::string label() const;
  // Of its metrics and weights, below that of results.jsonl: "clothes-to-bags-rate0.8-seed1/dmi". Empty where a name
  // would lead out of it.
  std::filesystem::path folder() const;
};

// "clothes-to-bags-rate0.8-seed1"
std::string cell_folder(const std::string& noise, double rate, uint64_t seed);

struct ResultsFile {
  std::vector<Result> results;  // all, including those that newer ones replace
  std::string cut_short;        // a message where the last line is incomplete (and left out); else empty
};

// Reads a results file. A last line that was cut short (no newline, no JSON) is left out and reported in `cut_short`.
// Throws Error, with the path and the line, for any other line that is not a result.
ResultsFile read_results(const std::filesystem::path& path);

// The last result of each key, in the order in which the keys first appear.
std::vector<Result> newest_of(const std::vector<Result>& results);

// Adds a line. The file is replaced as a whole, so that a crash leaves all old lines and either the whole new one or
// none; an incomplete last line is removed.
void append_result(const std::filesystem::path& path, const Result& result);

// One line of JSON, without the newline, and back. parse_result throws Error where a field is missing or wrong.
std::string to_json(const Result& result);
Result parse_result(const std::string& line);

// Locks a folder against other processes while it lives. The system releases the lock when the process ends, however it
// ends. The lock is flock(2) on FOLDER/.lock, which Linux also takes on the server where the folder is on NFS (since
// 2.6.12; not with the mount options nolock and local_lock), so that it holds between hosts.
class DirectoryLock {
 public:
  enum class Kind {
    exclusive,  // for one process
    shared      // for several that hold it likewise, against one that wants it alone
  };
  // Throws Error where another process holds the folder, and where it cannot be written to or locked.
  explicit DirectoryLock(const std::filesystem::path& directory, Kind kind = Kind::exclusive);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  // The open file of the lock: a process that inherits it holds the lock too.
  int descriptor() const { return file_; }

 private:
  int file_ = -1;
};

}  // namespace cofactor
