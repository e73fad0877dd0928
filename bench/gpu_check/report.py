"""report.md and logs.tar.gz."""

import datetime
import re
import tarfile

PATH = re.compile(r"(?<![\w.:/-])(?:/[\w.+@~-]+)+/([\w.+@~-]+)")


def without_paths(text):
    """The text with the last component alone of every absolute path: a report tells of results, not of a machine's
    folders."""
    return PATH.sub(r"\1", text)


def grouped(tails):
    """(labels, lines) of commands that ended with the same words."""
    groups = {}
    for label, lines in tails:
        groups.setdefault(tuple(lines), []).append(label)
    return [(labels, lines) for lines, labels in groups.items()]


class Writer:
    """Writes both files anew after each step, so that a run that is killed leaves what it has found."""

    def __init__(self, folder, context, wanted):
        self.folder, self.context, self.wanted = folder, context, wanted
        self.started = datetime.datetime.now(datetime.timezone.utc)

    def write(self, runs, seconds, ended=""):
        text = without_paths("\n".join(self.lines(runs, seconds, ended)) + "\n")
        (self.folder / "report.md").write_text(text)
        with tarfile.open(self.folder / "logs.tar.gz", "w:gz") as tar:
            tar.add(self.context.logs, arcname="logs")

    def summary(self, runs, seconds):
        passed = sum(run.passed for run in runs)
        return f"{passed} of {len(runs)} steps passed in {seconds:.0f} s: {self.folder}/report.md, logs.tar.gz"

    def lines(self, runs, seconds, ended):
        pack, context = self.context.pack, self.context
        yield f"# GPU check, {self.started:%Y-%m-%d}, commit {pack['commit'][:10]}"
        yield ""
        yield f"- GPU: {context.gpu_text()}"
        yield f"- Host: {context.host_text()}"
        yield (f"- Commit: {pack['commit']}{' with changes that are not committed' if pack['changed'] else ''}, packed "
               f"{pack['date']}, compiled by CUDA {pack['cuda']} for {pack['architectures']}")
        yield f"- Started {self.started:%Y-%m-%d %H:%M} UTC; {len(runs)} of {len(self.wanted)} steps in {seconds:.0f} s"
        if ended:
            yield f"- The run was {ended} before its end"
        yield ""
        yield "| step | what | result | seconds |"
        yield "| --- | --- | --- | --- |"
        for run in runs:
            yield f"| {run.step.name} | {run.step.title} | {run.result.replace('|', '/')} | {run.seconds:.1f} |"
        for step in self.wanted[len(runs):]:
            yield f"| {step.name} | {step.title} | not reached | |"
        for run in runs:
            if not run.lines and not run.tails:
                continue
            yield ""
            yield f"## {run.step.name}"
            if run.lines and run.lines[0]:
                yield ""
            yield from run.lines
            for labels, lines in grouped(run.tails):
                yield ""
                yield f"Last lines of {', '.join(labels)}:"
                yield ""
                yield "```"
                yield from (line[:240].replace("```", "'''") for line in lines)
                yield "```"
