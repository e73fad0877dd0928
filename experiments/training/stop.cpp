#include "experiments/training/stop.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

namespace cofactor {
namespace {

std::atomic<int> arrived{0};
std::atomic<bool> heeded{false}, repeats_count{true};
static_assert(std::atomic<int>::is_always_lock_free);

std::array<struct sigaction, StopSignals::kSignals.size()> previous;

// Only what is safe within a signal handler.
void remember(int signal) {
  int none = 0;
  if (arrived.compare_exchange_strong(none, signal) || !repeats_count) return;
  ::signal(signal, SIG_DFL);
  raise(signal);  // delivered once this handler returns
}

std::string name_of_signal(int signal) {
  if (signal == SIGINT) return "SIGINT";
  if (signal == SIGTERM) return "SIGTERM";
  if (signal == SIGHUP) return "SIGHUP";
  return fmt::format("signal {}", signal);
}

}  // namespace

Interrupted::Interrupted(int signal) : signal_(signal), text_(fmt::format("stopped by {}", name_of_signal(signal))) {}

StopSignals::StopSignals() {
  arrived = 0;
  heeded = false;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &previous[i]);
    if (previous[i].sa_handler == SIG_IGN) continue;
    struct sigaction action {};
    action.sa_handler = remember;
    action.sa_flags = SA_RESTART;
    sigaction(kSignals[i], &action, nullptr);
  }
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &previous[i], nullptr);
  if (const int signal = arrived.exchange(0); signal != 0 && !heeded) raise(signal);
}

int StopSignals::pending() {
  return arrived;
}

void StopSignals::check() {
  if (arrived != 0) stop(arrived);
}

void StopSignals::stop(int signal) {
  heeded = true;
  throw Interrupted(signal);
}

void StopSignals::repeat_is_same() {
  repeats_count = false;
}

void end_by(int signal) {
  ::signal(signal, SIG_DFL);
  raise(signal);
  _exit(128 + signal);  // where even the default action does not end it: the first process of a container
}

}  // namespace cofactor
