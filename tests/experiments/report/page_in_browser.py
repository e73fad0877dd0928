#!/usr/bin/env python3
"""Opens the report's page in headless Chromium at 400 and 1,400 pixels, light and dark.

usage: page_in_browser.py REPORT

The results hold hostile names. Fails where the console shows an error, a script of theirs runs, the page is wider than
the window, or a mark does not tell its numbers. Exits with 77 where Chromium does not start.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "fixtures"))
import browser as chromium  # noqa: E402

PROBE = """<script>
const mark = document.querySelector("svg .mark");
mark.dispatchEvent(new PointerEvent("pointerover", { bubbles: true, clientX: 60, clientY: 60 }));
for (const fold of document.querySelectorAll("details")) fold.open = true;
parent.postMessage(JSON.stringify({ window: innerWidth, page: document.documentElement.scrollWidth,
  tip: tip.textContent, shown: !tip.hidden, owned: window.owned === true,
  background: getComputedStyle(document.body).backgroundColor }), "*");
</script></body>"""

# Chromium's own window has 500 pixels at least, so the page lies in a frame.
FRAME = """<!DOCTYPE html><meta name="color-scheme" content="light dark"><pre id="probe"></pre>
<script>addEventListener("message", event => { document.getElementById("probe").textContent = event.data; });</script>
<iframe src="index.html" style="width: {width}px; height: 900px; border: 0"></iframe>"""

RUN = {
    "experiment": "fashion_mnist", "noise": "clothes-to-bags", "rate": 0.2, "method": "dmi", "seed": 1,
    "test_accuracy": 98.25, "best_permutation_accuracy": 98.25, "majority_accuracy": 90.0, "valid_loss": 2.5,
    "valid_accuracy": 80.0, "epochs": 20, "best_epoch": 19, "skipped_batches": 0, "batches": 7820, "seconds": 36.0,
    "device": "cpu", "precision": "f32", "threads": 1, "version": "0.1.0",
    "settings": {"data": {"train": {"samples": 50000}, "validation": {"samples": 10000}}, "pretraining": {"epochs": 20},
                 "finetuning": {"epochs": 20}, "method": "dmi", "test": {"samples": 10000}},
    "joint_matrix": [[0.1, 0.18], [0.0, 0.72]], "transition": [[1, 0], [0.2, 0.8]],
    "metrics": [{"epoch": e, "lr": 1e-4, "batches": 391, "skipped_batches": 0, "seconds": 2.0, "train_loss": 3 / (e + 1), "valid_loss": 3.1 / (e + 1), "valid_accuracy": 80 + e / 4}
                for e in range(20)],
}
HOSTILE = ["<script>owned = true</script>", "</title></svg><img src=x onerror='owned = true'>",
           "\"><svg onload=\"owned = true\">", "'; system('touch owned'); '`touch owned`\n{{runs}}", "é" * 200]


def runs():
    yield RUN
    for number, text in enumerate(HOSTILE):
        yield RUN | {"method": text, "seed": number}
        yield RUN | {"noise": text, "version": text, "device": text, "seed": number}
        yield RUN | {"experiment": text, "settings": {text: text}, "seed": number}


def look(browser, page, width, dark):
    frame = page.parent / "frame.html"
    frame.write_text(FRAME.replace("{width}", str(width)))
    return chromium.look(browser, frame, "--window-size=1500,1000", "--virtual-time-budget=2000", chromium.colors(dark))


def main():
    browser = chromium.find_browser()
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "page"
        folder.mkdir()
        (folder / "results.jsonl").write_text("".join(json.dumps(run) + "\n" for run in runs()) + "{\"<b>broken\n")
        subprocess.run([str(pathlib.Path(sys.argv[1]).resolve()), "--runs", str(folder), "--out", str(folder)],
                       check=True, capture_output=True, cwd=folder)
        if (folder / "owned").exists():
            wrong.append("a command in a name was run")
        page = folder / "index.html"
        page.write_text(page.read_text().replace("</body>", PROBE))
        backgrounds = {}
        for width in (400, 1400):
            for dark in (False, True):
                seen, console = look(browser, page, width, dark)
                print(width, "dark" if dark else "light", seen)
                backgrounds[dark] = seen["background"]
                wrong += [f"{width}: {line}" for line in console]
                if seen["window"] != width:
                    wrong.append(f"the window has {seen['window']} pixels in place of {width}")
                if seen["page"] > seen["window"]:
                    wrong.append(f"{width}: the page has {seen['page']} pixels")
                if seen["owned"]:
                    wrong.append(f"{width}: a script in a name was run")
                if not seen["shown"] or "r = 0.2" not in seen["tip"]:
                    wrong.append(f"{width}: the first mark says '{seen['tip']}'")
        if backgrounds[False] == backgrounds[True]:
            wrong.append("light and dark have the same background")
    if wrong:
        sys.exit("\n".join(wrong))


main()
