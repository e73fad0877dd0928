// Stopping when a person or the system asks for it: Ctrl-C, kill, a closed terminal.
#pragma once

#include <exception>
#include <string>

namespace cofactor {

// Thrown where a signal has asked for the end, once what must not be lost is on the disk. No Error: whoever handles a
// failed run must not take it for one.
class Interrupted : public std::exception {
 public:
  explicit Interrupted(int signal);
  const char* what() const noexcept override { return text_.c_str(); }
  int signal() const { return signal_; }

 private:
  int signal_;
  std::string text_;  // "stopped by SIGTERM"
};

// While one lives, SIGINT, SIGTERM and SIGHUP do not end the process but are remembered; a second one ends it at once.
// A signal that was ignored before (nohup) stays ignored. Where the scope ends with a signal that nobody has heeded,
// the process gets it then. One at a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // The signal that has come, or 0.
  static int pending();
  // Throws Interrupted where one has come. Does nothing outside of any scope.
  static void check();
  // A process that others stop too, its group and its parent, say, takes more signals for the same one.
  static void repeat_is_same();
};

// Ends this process as a signal does whose handler is the default one, so that whoever started it sees why.
[[noreturn]] void end_by(int signal);

}  // namespace cofactor
