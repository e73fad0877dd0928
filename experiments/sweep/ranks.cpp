#include "experiments/sweep/ranks.h"

#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <climits>
#include <span>

#include "engine/cores.h"
#include "engine/distributed/device_sums.h"
#include "engine/io/json.h"
#include "experiments/sweep/cell_runner.h"
#include "experiments/sweep/inputs.h"
#include "experiments/sweep/program.h"
#include "experiments/sweep/version.h"
#include "experiments/training/rank_steps.h"
#include "experiments/training/stop.h"

namespace cofactor {
namespace {

// Of ranks that rank 0 reports for.
class SilentProgress : public Progress {
 public:
  void start(std::string) override {}
  void advance(int64_t) override {}
  void skip(int64_t) override {}
  void note(std::string_view) override {}
  void epoch(std::string_view) override {}
  void failure(std::string_view) override {}
};

// A machine as long as it runs, and the cores that this process may use.
struct UsableCores {
  std::array<char, HOST_NAME_MAX + 1> machine{};
  cpu_set_t mask{};
};

UsableCores find_usable_cores() {
  UsableCores found;
  machine_id().copy(found.machine.data(), found.machine.size() - 1);
  CPU_ZERO(&found.mask);
  sched_getaffinity(0, sizeof found.mask, &found.mask);
  return found;
}

void broadcast_order(const RunOptions& options, const Json& order) {
  if (!options.trainer.ranks) return;
  std::string text = write_json(order);
  const DeadlineScope patience(*options.trainer.ranks, kWhileRankZeroWorks);
  options.trainer.ranks->broadcast_text(text, 0);
}

Json next_order(Communicator& ranks) {
  std::string text;
  const DeadlineScope patience(ranks, kWhileRankZeroWorks);
  ranks.broadcast_text(text, 0);
  return parse_json(text);
}

}  // namespace

std::unique_ptr<Communicator> join_ranks() {
  auto ranks = make_communicator();
  if (ranks->size() == 1) return nullptr;
  StopSignals::repeat_is_same();  // the launcher and the system may each pass the same signal on
  return ranks;
}

int threads_of_rank(Communicator& ranks) {
  const UsableCores own = find_usable_cores();
  double share = 0.0;
  std::array<int, CPU_SETSIZE> users{};
  for (const std::vector<UsableCores>& other : ranks.all_gather_values<UsableCores>(std::span(&own, 1))) {
    if (other.front().machine != own.machine) continue;
    for (size_t core = 0; core < users.size(); ++core) users[core] += CPU_ISSET(core, &other.front().mask) ? 1 : 0;
  }
  for (size_t core = 0; core < users.size(); ++core)
    if (CPU_ISSET(core, &own.mask)) share += 1.0 / users[core];
  const double quota = static_cast<double>(usable_cores()) / ranks.local_size();  // of a control group
  const bool limited = usable_cores() < CPU_COUNT(&own.mask);
  return std::max(1, static_cast<int>((limited ? std::min(share, quota) : share) + 1e-6));
}

void check_for_ranks(const Experiment& experiment, const RunOptions& options) {
  const int ranks = ranks_of(options.trainer);
  if (ranks == 1) return;
  if (options.jobs > 1) {
    usage("--jobs {}: {} ranks train one cell at a time together; leave out --jobs", options.jobs, ranks);
  }
  for (const std::string& method : options.methods) {
    for (const int64_t size : batch_sizes_of(experiment, options, method)) {
      if (size < ranks) usage("--batch-size {}: fewer samples than the {} ranks that share a batch", size, ranks);
    }
  }
}

void check_same_on_all(const RunOptions& options, const ExperimentData& data, const std::vector<std::string>& command) {
  Communicator& ranks = *options.trainer.ranks;
  const std::vector<std::pair<std::string_view, std::string>> own = {
      {"version", version()},
      {"command line", fmt::format("{}", fmt::join(command.begin() + 1, command.end(), " "))},
      {"data", inputs_text(data.inputs)}};
  const DeadlineScope patience(ranks, kWhileRankZeroWorks);  // others may still read their data
  for (const auto& [what, text] : own) {
    const std::vector<std::string> all = ranks.all_gather_texts(text);
    const auto other = std::ranges::find_if(all, [&](const auto& one) { return one != all.front(); });
    if (other == all.end()) continue;
    fail("ranks 0 and {} have not the same {}: '{}' and '{}'", other - all.begin(), what, all.front(), *other);
  }
}

void order_cell(const RunOptions& options, const CellRuns& cell) {
  broadcast_order(options, order_of(cell));
}

void order_end(const RunOptions& options) {
  broadcast_order(options, nullptr);
}

int follow_orders(const Experiment& experiment, const RunOptions& options, const ExperimentData& data) {
  SilentProgress progress;
  CellRunner runner(experiment, options, data, progress, [](const Result&) {});
  int failed = 0;
  for (Json order = next_order(*options.trainer.ranks); !order.is_null(); order = next_order(*options.trainer.ranks))
    failed += runner.run(plan_order(experiment, options, data, order));
  return failed == 0 ? 0 : 1;
}

std::string choose_device_sums(const RunOptions& options) {
  if (!options.trainer.ranks || uses_host_memory(options.trainer.device)) return {};
  const DeadlineScope patience(*options.trainer.ranks, kWhileRankZeroWorks);  // NCCL takes its time to start
  return fmt::format("gradients are summed by {}", sum_on_devices(*options.trainer.ranks, options.trainer.device));
}

std::string describe_ranks(const RunOptions& options) {
  const Communicator* ranks = options.trainer.ranks;
  if (!ranks) return {};
  return fmt::format(
      "{} ranks share each batch, {} of them on this machine ({}); threads and files are those of rank 0",
      ranks->size(), ranks->local_size(), ranks->name());
}

}  // namespace cofactor
