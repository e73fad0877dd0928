#!/usr/bin/env python3
"""Opens the trace of a profile in headless Chromium with the page trace_check.html, and traces that are wrong.

usage: trace_in_browser.py COFACTOR_BENCH

Fails where the console shows an error or the page finds an event that lacks a field or crosses another, or finds
nothing wrong with a trace that was made so. Exits with 77 where Chromium does not start.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fixtures"))
import browser as chromium  # noqa: E402

STEPS = 3


def look(browser, folder, trace):
    (folder / "trace.js").write_text(f"const trace = {json.dumps(trace)};\n")
    return chromium.look(browser, folder / "page.html", "--virtual-time-budget=5000")


def broken(trace):
    """Traces that are wrong in one place each, by what the page should say."""
    op = next(number for number, event in enumerate(trace["traceEvents"]) if event.get("cat") == "op")
    for change, complaint in (({"dur": 1e9}, "ends after"), ({"ts": None}, "ts is not a number"),
                              ({"name": 5}, "name is not a string"), ({"dur": -1}, "a time below 0")):
        copy = json.loads(json.dumps(trace))
        copy["traceEvents"][op] |= change
        yield copy, complaint


def main():
    browser = chromium.find_browser()
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "trace"
        folder.mkdir()
        shutil.copy(pathlib.Path(__file__).parent / "trace_check.html", folder / "page.html")
        file = folder / "trace.json"
        subprocess.run([str(pathlib.Path(sys.argv[1]).resolve()), "--workload", "fashion_cnn", "--device", "reference",
                        "--batch-size", "4", "--warmup", "1", "--steps", "1", "--profile", str(file),
                        "--profile-steps", str(STEPS)], check=True, capture_output=True)
        trace = json.loads(file.read_text())
        seen, console = look(browser, folder, trace)
        print(seen)
        wrong += console + seen["wrong"]
        if seen["steps"] != STEPS:
            wrong.append(f"{seen['steps']} steps, expected {STEPS}")
        for copy, complaint in broken(trace):
            seen, _ = look(browser, folder, copy)
            if not any(complaint in line for line in seen["wrong"]):
                wrong.append(f"the page should say '{complaint}', but says {seen['wrong']}")
    if wrong:
        sys.exit("\n".join(wrong))


main()
