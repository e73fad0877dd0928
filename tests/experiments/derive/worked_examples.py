#!/usr/bin/env python3
"""Keeps the output of derive that pages quote current.

usage: worked_examples.py DERIVE [--write]

Reads README.md and the pages of docs/. Between the lines

    <!-- derive dmi --samples 4 -->
    <!-- end of derive -->

stands what "DERIVE dmi --samples 4 --format markdown" prints. After a line

    <!-- from derive dmi --samples 4 -->

a fenced block has lines of that command's text, in their order; a line "..." stands for any others.

Without --write, checks both: words must be equal, and numbers up to rounding. With --write, replaces the first kind by
what DERIVE prints now. Exit code 1 where something differs.
"""

import math
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
WHOLE = re.compile(r"<!-- (derive [^>]*?) -->\n(.*?)<!-- end of derive -->", re.S)
PART = re.compile(r"<!-- from (derive [^>]*?) -->\n+```[a-z]*\n(.*?)```", re.S)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
ROUNDING = 1e-9  # numbers below this are rounding errors, which differ between processors
SHOWN = 1.5e-6  # one unit of the sixth decimal


def derive(program, command, more=()):
    words = [program] + command.split()[1:] + list(more)
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def same_number(a, b):
    if max(abs(float(a)), abs(float(b))) < ROUNDING:
        return True
    if "e" in a + b:
        return math.isclose(float(a), float(b), rel_tol=1e-4)
    return abs(float(a) - float(b)) <= SHOWN


def same_line(a, b):
    if NUMBER.sub("#", " ".join(a.split())) != NUMBER.sub("#", " ".join(b.split())):
        return False
    return all(same_number(x, y) for x, y in zip(NUMBER.findall(a), NUMBER.findall(b)))


def check_whole(page, command, quoted, printed):
    quoted, printed = quoted.strip().split("\n"), printed.strip().split("\n")
    for number, (a, b) in enumerate(zip(quoted, printed), 1):
        if not same_line(a, b):
            return f"{page}: {command}: line {number} is '{a}', and derive prints '{b}'"
    if len(quoted) != len(printed):
        return f"{page}: {command}: {len(quoted)} lines, and derive prints {len(printed)}"
    return None


def check_part(page, command, quoted, printed):
    left = printed.split("\n")
    for line in quoted.strip("\n").split("\n"):
        if line.strip() in ("...", "") or line.startswith("$"):
            continue
        at = next((i for i, other in enumerate(left) if same_line(line, other)), None)
        if at is None:
            return f"{page}: {command}: derive does not print '{line}' (in this place)"
        left = left[at + 1 :]
    return None


def main():
    program, write = sys.argv[1], sys.argv[2:] == ["--write"]
    problems, quoted = [], 0
    for path in [ROOT / "README.md"] + sorted((ROOT / "docs").glob("*.md")):
        page, text = path.relative_to(ROOT), path.read_text()

        def whole(match):
            nonlocal quoted
            quoted += 1
            printed = derive(program, match[1], ["--format", "markdown"])
            if write:
                return f"<!-- {match[1]} -->\n\n{printed.strip()}\n\n<!-- end of derive -->"
            problems.append(check_whole(page, match[1], match[2], printed))
            return match[0]

        changed = WHOLE.sub(whole, text)
        if write and changed != text:
            path.write_text(changed)
        for match in PART.finditer(text):
            quoted += 1
            problems.append(check_part(page, match[1], match[2], derive(program, match[1])))
    problems = [problem for problem in problems if problem]
    for problem in problems:
        print(problem)
    if problems:
        print(f"{sys.argv[0]} {program} --write brings whole examples up to date")
    if quoted == 0:
        problems.append("there is no quoted output")
        print(problems[-1])
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
