#include "experiments/sweep/jobs.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "engine/io/json.h"
#include "experiments/sweep/cell_runner.h"
#include "experiments/sweep/inputs.h"
#include "experiments/sweep/program.h"
#include "experiments/training/activity.h"
#include "experiments/training/console.h"
#include "experiments/training/stop.h"

namespace cofactor {
namespace {

constexpr auto kReportEvery = std::chrono::milliseconds(100);

// The value of --worker.
std::string order_for(const CellRuns& runs, const DataInputs& inputs, const RunOptions& options) {
  return write_json({{"cell", order_of(runs)},
                     {"inputs", inputs_text(inputs)},
                     {"device", name_of(options.trainer.device)},
                     {"threads", threads_per_job(options)},
                     {"parent", getpid()}});
}

// A worker's messages to the process that started it.
class RemoteProgress : public Progress {
 public:
  void start(std::string label) override { send({{"start", label}}); }
  void advance(int64_t samples) override {
    advanced_ += samples;
    if (std::chrono::steady_clock::now() - sent_ >= kReportEvery) send_advance();
  }
  void skip(int64_t samples) override { send({{"skip", samples}}); }
  void note(std::string_view line) override { send({{"note", line}}); }
  void epoch(std::string_view line) override { send({{"epoch", line}}); }
  void failure(std::string_view line) override { send({{"failure", line}}); }
  void result(const Result& result) { send({{"result", to_json(result)}}); }
  void done(int failed) { send({{"done", failed}}); }

 private:
  void send(const Json& message) {
    if (advanced_ > 0) send_advance();
    write_text(stdout, write_json(message) + "\n");  // if the other process is gone, this one ends too
  }
  void send_advance() {
    sent_ = std::chrono::steady_clock::now();
    send({{"advance", std::exchange(advanced_, 0)}});
  }

  int64_t advanced_ = 0;
  std::chrono::steady_clock::time_point sent_{};
};

// A process that trains a cell. The destructor kills it if it still runs.
class Worker {
 public:
  // `order` is the value of --worker.
  Worker(const Cell& cell, std::string order, std::vector<std::string> command, const DirectoryLock& lock);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    close(output_);
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    wait();
  }

  const Cell& cell() const { return cell_; }
  int output() const { return output_; }
  // The complete lines that have arrived since the last call; nothing at the end of the output.
  std::optional<std::vector<std::string>> read_lines();
  // Asks it to end after writing a checkpoint.
  void stop() const { kill(pid_, SIGTERM); }
  // How the process ended: "exit code 3", "signal 9".
  std::string wait();

  std::string label;          // of the present run
  std::optional<int> failed;  // runs, once it is done
  bool named_failure = false;
  int64_t samples = 0;  // that it has visited
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  Cell cell_;
  pid_t pid_ = 0;
  int output_ = -1;
  std::string unfinished_;
};

Worker::Worker(const Cell& cell, std::string order, std::vector<std::string> command, const DirectoryLock& lock)
    : cell_(cell) {
  command.insert(command.end(), {"--worker", std::move(order)});
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int ends[2];
  check(pipe2(ends, O_CLOEXEC) == 0, "--jobs: no pipe: {}", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, lock.descriptor(), lock.descriptor());  // which keeps it open there
  // A process group of its own, so that a terminal's signals (Ctrl-C) reach it through this process alone.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int error = posix_spawn(&pid_, "/proc/self/exe", &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  output_ = ends[0];
  if (error == 0) return;
  close(output_);
  fail("--jobs: cannot start a process: {}", std::strerror(error));
}

std::optional<std::vector<std::string>> Worker::read_lines() {
  char bytes[4096];
  ssize_t count = 0;
  while ((count = read(output_, bytes, sizeof bytes)) < 0 && errno == EINTR) {
  }
  if (count <= 0) return std::nullopt;
  unfinished_.append(bytes, static_cast<size_t>(count));
  std::vector<std::string> lines;
  for (size_t end; (end = unfinished_.find('\n')) != std::string::npos; unfinished_.erase(0, end + 1)) {
    lines.push_back(unfinished_.substr(0, end));
  }
  return lines;
}

std::string Worker::wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

// The present workers and their messages.
class Jobs {
 public:
  Jobs(const RunOptions& options, const DataInputs& inputs, const std::vector<std::string>& command,
       const DirectoryLock& lock, ConsoleProgress& progress, const std::function<void(const Result&)>& finished)
      : options_(options), inputs_(inputs), command_(command), lock_(lock), progress_(progress), finished_(finished) {}

  int run(std::span<const CellRuns> cells) {
    const StopSignals signals;
    size_t next = 0;
    while (!stopping_ && (next < cells.size() || !workers_.empty())) {
      while (next < cells.size() && static_cast<int>(workers_.size()) < options_.jobs) start(cells[next++]);
      listen();
      stopping_ = StopSignals::pending() != 0;
    }
    if (stopping_) {
      for (const auto& worker : workers_) worker->stop();
      while (!workers_.empty()) listen();
      StopSignals::check();
    }
    return failed_;
  }

 private:
  void start(const CellRuns& runs) {
    std::string order = order_for(runs, inputs_, options_);
    workers_.push_back(std::make_unique<Worker>(runs.cell, std::move(order), command_, lock_));
  }

  // Waits for messages of any worker, and handles them.
  void listen() {
    std::vector<pollfd> outputs;
    for (const auto& worker : workers_) outputs.push_back({worker->output(), POLLIN, 0});
    constexpr int kMilliseconds = 500;  // a signal between the last check and this call is noticed no later
    const int ready = poll(outputs.data(), outputs.size(), kMilliseconds);
    check(ready >= 0 || errno == EINTR, "--jobs: cannot wait for the processes: {}", std::strerror(errno));
    if (ready <= 0) return;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i].revents == 0) continue;
      const auto lines = workers_[i]->read_lines();
      if (lines) {
        for (const std::string& line : *lines) {
          // A library may print too: DNNL_VERBOSE does.
          if (line.starts_with('{')) {
            handle(*workers_[i], parse_json(line));
          } else {
            progress_.note(line);
          }
        }
      } else {
        end(*workers_[i]);
        workers_[i].reset();
      }
    }
    std::erase(workers_, nullptr);
  }

  void handle(Worker& worker, const Json& message) {
    const std::string& kind = message.begin().key();
    const Json& value = message.begin().value();
    if (kind == "start") worker.label = value.get<std::string>();
    if (kind == "advance") {
      progress_.advance(value.get<int64_t>());
      worker.samples += value.get<int64_t>();
    }
    if (kind == "skip") progress_.skip(value.get<int64_t>());
    if (kind == "note") progress_.note(value.get<std::string>());
    if (kind == "epoch") progress_.epoch_of(worker.label, value.get<std::string>());
    if (kind == "result") finished_(parse_result(value.get<std::string>()));
    if (kind == "done") worker.failed = value.get<int>();
    if (kind == "failure") {
      progress_.failure(value.get<std::string>());
      worker.named_failure = true;
    }
  }

  void end(Worker& worker) {
    const std::string how = worker.wait();
    if (stopping_) return;  // it was asked to
    failed_ += worker.failed.value_or(1);
    if (worker.failed == 0) progress_.cell_done(worker.seconds(), worker.samples);
    if (worker.failed || worker.named_failure) return;
    progress_.failure(fmt::format("{}: its process ended with {} before it was done", worker.cell().label(), how));
  }

  const RunOptions& options_;
  const DataInputs& inputs_;
  const std::vector<std::string>& command_;
  const DirectoryLock& lock_;
  ConsoleProgress& progress_;
  const std::function<void(const Result&)>& finished_;
  std::vector<std::unique_ptr<Worker>> workers_;
  int failed_ = 0;
  bool stopping_ = false;  // all workers were asked to end
};

}  // namespace

int threads_per_job(const RunOptions& options) {
  return std::max(options.trainer.threads / options.jobs, 1);
}

int run_jobs(const RunOptions& options, std::span<const CellRuns> cells, const DataInputs& inputs,
             const std::vector<std::string>& command, const DirectoryLock& lock, ConsoleProgress& progress,
             const std::function<void(const Result&)>& finished) {
  return Jobs(options, inputs, command, lock, progress, finished).run(cells);
}

std::string worker_device(const RunOptions& options) {
  return field<std::string>(parse_json(options.worker), "device");
}

void end_with_parent(const RunOptions& options) {
  StopSignals::repeat_is_same();  // a whole control group may get a signal, which the parent then passes on again
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != field<int>(parse_json(options.worker), "parent")) _exit(1);
}

int run_worker(const Experiment& experiment, RunOptions options, const ExperimentData& data) {
  RemoteProgress progress;
  try {
    const Json order = parse_json(options.worker);
    const CellRuns runs = plan_order(experiment, options, data, order.at("cell"));
    check(order.at("inputs") == inputs_text(data.inputs),
          "{}: the data changed during the sweep; start it again to continue with the changed data", runs.cell.label());
    options.trainer.threads = order.at("threads");
    set_num_threads(options.trainer.threads);
    CellRunner runner(experiment, options, data, progress, [&](const Result& result) { progress.result(result); });
    const int failed = runner.run(runs);
    progress.done(failed);
    return failed == 0 ? 0 : 1;
  } catch (const Interrupted&) {
    return 1;  // the process that asked it to end reports that
  } catch (const std::exception& error) {
    progress.failure(with_program(experiment.table().name, message_of(error)));
    return 1;
  }
}

}  // namespace cofactor
