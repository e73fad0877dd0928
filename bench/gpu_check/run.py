"""Runs a pack of scripts/gpu-check on the machine that it was carried to: steps in order, each with a time limit, and a
report. Needs Python 3.9 and nothing beside its standard library.

Exit code: 0 where every step passed, 1 where one failed or could not run, 2 for a wrong command line.
"""

import argparse
import json
import pathlib
import signal
import sys
import tarfile
import time

import machine
import report
import steps
from step import Step, StepRun

PACK = pathlib.Path(__file__).resolve().parent.parent
DEADLINE = 470  # seconds from the start after which no command of the ten steps runs on
PAPER_DEADLINE = 530


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="run", description="Checks cofactor on this machine's GPU and writes report.md and logs.tar.gz.")
    parser.add_argument("steps", nargs="*", metavar="STEP", help="steps to run, in their order; none: all but paper")
    parser.add_argument("--list", action="store_true", help="print the steps and their limits in seconds")
    parser.add_argument("--out", type=pathlib.Path, default=PACK,
                        help="folder for report.md and logs.tar.gz [the pack]")
    parser.add_argument("--limit", type=float, help="seconds for every step, instead of its own")
    parser.add_argument("--epoch-factor", type=float, default=1.0, metavar="F",
                        help="of paper: both numbers of epochs, and those at which the rate changes, times F [1]")
    options = parser.parse_args(arguments)
    known = {step.name: step for step in steps.STEPS}
    for name in options.steps:
        if name not in known:
            parser.error(f"there is no step {name}; the steps are {', '.join(known)}")
    if options.limit is not None and options.limit <= 0:
        parser.error(f"--limit {options.limit:g}: a positive number of seconds is needed")
    if not 0 < options.epoch_factor <= 1:
        parser.error(f"--epoch-factor {options.epoch_factor:g}: it lies above 0 and is at most 1")
    wanted = [known[name] for name in dict.fromkeys(options.steps)] if options.steps else [
        step for step in steps.STEPS if step.by_default]
    return options, [step for step in steps.STEPS if step in wanted]


def unpack(folder):
    """Programs, libraries and data travel as one compressed file; they are unpacked once."""
    archive = folder / "files.tar.xz"
    if not archive.exists():
        return folder
    files = folder / "files"
    done = files / ".unpacked"
    if not done.exists():
        print("Unpacking", flush=True)
        trusted = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
        with tarfile.open(archive) as tar:
            tar.extractall(files, **trusted)  # scripts/gpu-check has made it
        done.touch()
    return files


def run_step(step, context, limit):
    """Runs one step to its end whatever happens in it."""
    run = StepRun(step, context, limit)
    if context.gpu is None:
        run.not_run("no GPU", context.no_gpu)
        return run
    try:
        step.function(run)
    except Step.Stop as stop:
        run.stopped(stop)
    except Exception as error:  # a fault of the check itself must not end the other steps
        run.fail(f"the check itself failed: {type(error).__name__}: {error}")
    return run


def main(arguments):
    options, wanted = parse(arguments)
    if options.list:
        for step in steps.STEPS:
            print(f"{step.name:<10} {step.limit:>4} s  {step.title}" + ("" if step.by_default else " (only by name)"))
        return 0
    begin = time.monotonic()
    deadline = begin + (PAPER_DEADLINE if any(not step.by_default for step in wanted) else DEADLINE)
    options.out.mkdir(parents=True, exist_ok=True)
    pack = json.loads((PACK / "pack.json").read_text())
    context = machine.Context(PACK, unpack(PACK), pack, deadline, options.epoch_factor)
    runs, spare = [], 0.0
    writer = report.Writer(options.out, context, wanted)

    def interrupted(number):
        context.kill_running()
        writer.write(runs, time.monotonic() - begin, f"stopped by signal {number}")
        sys.exit(1)

    context.on_signal = interrupted
    signal.signal(signal.SIGTERM, context.signalled)
    signal.signal(signal.SIGINT, context.signalled)
    for step in wanted:
        print(f"==== {step.name}: {step.title}", flush=True)
        # What earlier steps left of their limits is given to the next.
        limit = options.limit or step.limit + spare
        run = run_step(step, context, limit)
        runs.append(run)
        run.close()
        spare = max(0.0, spare + step.limit - run.seconds)
        print(f"     {run.result} ({run.seconds:.1f} s)", flush=True)
        writer.write(runs, time.monotonic() - begin)
    print(writer.summary(runs, time.monotonic() - begin))
    return 0 if all(run.passed for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
