// What the ranks of a run settle with one another beside gradients, so that all of them go on, save and stop at the
// same step. For a process that is alone the same functions answer without messages.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "engine/distributed/communicator.h"
#include "layers/module.h"

namespace cofactor {

// How long ranks wait while rank 0 reads or writes files, tests or reports.
inline constexpr std::chrono::hours kWhileRankZeroWorks{1};

// Returns once all ranks have called it, however long rank 0 works alone. `ranks` null: at once. Throws Error as
// Communicator does.
void wait_for_rank_zero(Communicator* ranks);

// The bytes of a file; nothing where there is none. With several ranks, rank 0 reads it and all get what it has read,
// so that the others need not see its disk. Throws Error where it cannot be read, and as Communicator does.
std::optional<std::string> read_if_there(const std::filesystem::path& path, Communicator* ranks);

class RankSteps {
 public:
  // `ranks` null: the process is alone. Both outlive this object.
  RankSteps(Communicator* ranks, Module& model);

  // Gives all ranks the parameters and buffers of rank 0.
  void copy_model();

  struct Decision {
    int signal = 0;     // by which the run is to end; 0: none
    bool save = false;  // a checkpoint is due
  };
  // After each step. The running statistics of batch norm, which each rank has moved by its own samples, become their
  // mean over ranks. Of the signals that ranks have received one is chosen; a checkpoint is due where rank 0 says so.
  Decision after_step(bool save_is_due);
  // The same without running statistics, where no step has been taken since.
  Decision between_steps(bool save_is_due);

 private:
  Decision settle(bool save_is_due, const std::vector<Tensor>& averaged);

  Communicator* ranks_;
  Module& model_;
  std::vector<Tensor> statistics_;  // buffers in f32
};

}  // namespace cofactor
