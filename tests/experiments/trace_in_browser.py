#!/usr/bin/env python3
"""Opens the trace of a profile in headless Chromium with the page trace_check.html, and traces that are wrong.

usage: trace_in_browser.py COFACTOR_BENCH

Fails where the console shows an error or the page finds an event that lacks a field or crosses another, or finds
nothing wrong with a trace that was made so. Exits with 77 where Chromium is not installed.
"""

import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

STEPS = 3


def look(browser, folder, trace):
    (folder / "trace.js").write_text(f"const trace = {json.dumps(trace)};\n")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
               f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000", "--dump-dom",
               (folder / "page.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.DOTALL)
    if done.returncode != 0 or not found:
        sys.exit(f"{browser} failed ({done.returncode}):\n{done.stderr[-2000:]}")
    return json.loads(html.unescape(found.group(1))), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def broken(trace):
    """Traces that are wrong in one place each, by what the page should say."""
    op = next(number for number, event in enumerate(trace["traceEvents"]) if event.get("cat") == "op")
    for change, complaint in (({"dur": 1e9}, "ends after"), ({"ts": None}, "ts is not a number"),
                              ({"name": 5}, "name is not a string"), ({"dur": -1}, "a time below 0")):
        copy = json.loads(json.dumps(trace))
        copy["traceEvents"][op] |= change
        yield copy, complaint


def main():
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print("skipped: Chromium is not installed (Debian: chromium)")
        sys.exit(77)
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
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
