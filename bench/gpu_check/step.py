"""A step of the check, its commands under a time limit, and what it found."""

import os
import signal
import subprocess
import time

GRACE = 2.0  # seconds between SIGTERM and SIGKILL


class Step:
    """`function` gets a StepRun. A step that is not `by_default` runs only if it is named."""

    class Stop(Exception):
        """Ends a step: it could not run."""

    def __init__(self, name, limit, title, function, by_default=True):
        self.name, self.limit, self.title, self.function, self.by_default = name, limit, title, function, by_default


class Result:
    """How a command ended. `code` is None where it was killed at its limit."""

    def __init__(self, code, seconds, output):
        self.code, self.seconds, self.output = code, seconds, output

    @property
    def how(self):
        if self.code is None:
            return f"killed at its limit, after {self.seconds:.0f} s"
        if self.code < 0:
            return f"ended by {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


def kill_group(process):
    """Ends a command and all that it started in its process group."""
    for number, wait in ((signal.SIGTERM, GRACE), (signal.SIGKILL, GRACE)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            continue
    # The command has ended; what it started may have outlived SIGTERM.


class StepRun:
    """One execution of a step: runs commands, keeps lines for the report, and knows whether anything failed."""

    def __init__(self, step, context, limit):
        self.step, self.context = step, context
        self.begin = time.monotonic()
        self.end = min(self.begin + limit, context.deadline)
        self.limit = max(0.0, self.end - self.begin)
        self.lines, self.problems, self.reason = [], [], None
        self.tails = []  # (label, last lines) of commands that failed
        self.seconds = 0.0

    # ---- what a step says
    def say(self, *lines):
        self.lines.extend(lines)

    def table(self, header, rows):
        if rows:
            self.say("", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header))
            self.say(*("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows))

    def fail(self, problem):
        self.problems.append(problem)

    def not_run(self, reason, why=""):
        self.reason = reason if not why else f"{reason} ({why})"

    def stop(self, reason):
        """The step cannot run, for this reason."""
        raise Step.Stop(reason)

    def stopped(self, stop):
        if str(stop):
            self.not_run(str(stop))

    def close(self):
        self.seconds = time.monotonic() - self.begin

    @property
    def passed(self):
        return self.reason is None and not self.problems

    @property
    def result(self):
        if self.problems:
            return "FAILED: " + "; ".join(self.problems)
        return "passed" if self.reason is None else self.reason if self.reason.startswith(
            "no GPU") else f"not run: {self.reason}"

    # ---- commands
    @property
    def left(self):
        return self.end - time.monotonic()

    def command(self, label, arguments, limit=None, env=None):
        """Runs a command with the programs' environment, its output into the log `label`. It is killed with its process
        group at `limit` seconds, or at the step's own limit."""
        log = self.context.log_file(self.step.name, label)
        seconds = self.left if limit is None else min(limit, self.left)
        if seconds <= 0:
            log.write_text("not started: the step's time was used up\n")
            return Result(None, 0.0, "not started: the step's time was used up")
        begin = time.monotonic()
        with open(log, "wb") as output:
            output.write(f"$ {' '.join(map(str, arguments))}\n".encode())
            output.flush()
            start = output.tell()
            try:
                process = self.context.start(
                    lambda: subprocess.Popen([str(argument) for argument in arguments], stdin=subprocess.DEVNULL,
                                             stdout=output, stderr=subprocess.STDOUT, cwd=self.context.work,
                                             env=env or self.context.env, start_new_session=True))
            except OSError as error:
                output.write(f"cannot start: {error.strerror}\n".encode())
                return Result(127, 0.0, f"cannot start {arguments[0]}: {error.strerror}")
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                kill_group(process)
                code = None
            self.context.running = None
        if code is not None:
            self.end_leftovers(process)
        text = log.read_bytes()[start:].decode(errors="replace")
        return Result(code, time.monotonic() - begin, text)

    @staticmethod
    def end_leftovers(process):
        """A command that has ended may have left processes of its group behind, which would disturb the next."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass

    def checked(self, label, arguments, **options):
        """The same; where it does not end with 0, that is a problem, and its last lines go into the report."""
        result = self.command(label, arguments, **options)
        if result.code != 0:
            self.problem(label, result)
        return result

    def problem(self, label, result):
        self.fail(f"{label}: {result.how}")
        self.tails.append((label, result.output.strip().splitlines()[-12:]))
