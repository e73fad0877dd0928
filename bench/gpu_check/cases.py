"""Runs doctest programs, and where one fails its cases one by one, so that a fault does not hide the others."""

import re
import shutil

HEADER = ("tests", "passed", "failed", "not selected or skipped", "seconds")
FIRST_PART = 0.75  # of the time that is left, for all cases in one process
ALONE = 20  # seconds for a case alone


class Outcome:
    """What the output of a doctest program says."""

    def __init__(self, output):
        summary = re.search(r"test cases:\s*(\d+) \|\s*(\d+) passed \|\s*(\d+) failed(?: \|\s*(\d+) skipped)?", output)
        self.summary = summary is not None
        self.passed, self.failed, self.skipped = (summary[2], summary[3], summary[4] or "0") if summary else (
            "no summary", "", "")
        self.named = list(dict.fromkeys(re.findall(r"^TEST CASE:\s*(.+)$", output, re.M)))  # failed, or crashed
        self.ended = set(re.findall(r"^[\d.]+ s: (.+)$", output, re.M))  # with --duration=true


def listed(run, label, arguments):
    output = run.command(f"{label} list", [*arguments, "--list-test-cases"]).output
    parts = re.split(r"^=+$", output, flags=re.M)
    return parts[1].strip().splitlines() if len(parts) > 2 else []


def run_alone(run, label, arguments, names):
    """The cases again, each in a process of its own: (name, how it ended) of each."""
    found = []
    for name in names:
        if run.left < 2:
            found.append((name, "not run alone, for lack of time"))
            continue
        only = [argument for argument in arguments if not str(argument).startswith("--test-suite")]
        result = run.command(f"{label} {name}", [*only, f"--test-case={name}"], limit=ALONE)
        outcome = Outcome(result.output)
        if result.code == 0:
            found.append((name, "passes alone" if outcome.passed != "0" else "does not run alone"))
        else:
            found.append((name, f"fails alone too ({result.how})"))
    return found


def run_all(run, programs):
    """Runs (label, command) of each program, and returns what they print."""
    rows, found, printed = [], [], ""
    line_by_line = ["stdbuf", "-oL"] if shutil.which("stdbuf") else []
    for place, (label, arguments) in enumerate(programs):
        share = FIRST_PART / (len(programs) - place)
        result = run.checked(label, [*line_by_line, *arguments, "--duration=true"], limit=share * run.left)
        outcome = Outcome(result.output)
        printed += result.output
        rows.append((label, outcome.passed, outcome.failed, outcome.skipped, f"{result.seconds:,.1f}"))
        if result.code == 0:
            if outcome.passed in ("0", "no summary"):
                run.fail(f"{label}: no test ran")
            continue
        names = list(outcome.named)
        if not outcome.summary:  # it crashed or hung: what came after has not run
            names += [name for name in listed(run, label, arguments) if name not in outcome.ended | set(names)]
        found += run_alone(run, label, arguments, names)
    run.table(HEADER, rows)
    if found:
        run.say("", "Cases that failed or did not end, each again in a process of its own:", "")
        run.say(*(f"- {name}: {how}" for name, how in found))
    return printed
