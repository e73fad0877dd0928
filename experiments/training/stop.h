// Ending on a signal from a person or the system: Ctrl-C, kill, a closed terminal.
#pragma once

#include <signal.h>

#include <array>
#include <exception>
#include <string>

namespace cofactor {

// Thrown after a signal has asked the process to end. It is not an Error, so that no handler of failed runs takes it
// for one.
class Interrupted : public std::exception {
 public:
  explicit Interrupted(int signal);
  const char* what() const noexcept override { return text_.c_str(); }
  int signal() const { return signal_; }

 private:
  int signal_;
  std::string text_;  // "stopped by SIGTERM"
};

// While an object of this class lives, SIGINT, SIGTERM and SIGHUP do not end the process but are recorded; a second one
// ends it at once. A signal that was ignored before (nohup) stays ignored. A signal that nobody has checked for is
// raised again at the end of the scope. Only one object may live at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};

  // The signal that has arrived, or 0.
  static int pending();
  // Throws Interrupted where one has arrived. Does nothing while no object lives.
  static void check();
  // Throws Interrupted for a signal that this process, or another of its run, has received.
  [[noreturn]] static void stop(int signal);
  // From now on further signals count as the first: for a process that several others stop, its parent and its group.
  static void repeat_is_same();
};

// Ends this process by the signal's default action, so that the process that started it sees why.
[[noreturn]] void end_by(int signal);

}  // namespace cofactor
