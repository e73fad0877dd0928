#!/usr/bin/env python3
"""Opens pages of labels in headless Chromium at 360, 768 and 1,400 pixels, light and dark, and works with them.

usage: page_in_browser.py SAMPLE_LABEL_PAGES [FOLDER]

The names in the pages are hostile. Fails where the console shows an error, a script of theirs runs, a page is wider than
the window, sorting, filters, buttons, keys or what the browser keeps are wrong, or the saved table is not what was
decided. With FOLDER, the pages and their screenshots stay there. Exits with 77 where Chromium does not start.
"""

import contextlib
import csv
import io
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "fixtures"))
import browser as chromium  # noqa: E402

# What a person does with the page. Scripts are let in by the page's own nonce.
WORK = r"""
const cardsShown = () => [...document.querySelectorAll(".suspect")];
const idsShown = () => cardsShown().map(card => card.dataset.id);
const choose = (id, value) => { const s = document.getElementById(id); s.value = value; s.dispatchEvent(new Event("change")); };
const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const status = () => document.getElementById("counts").textContent;
const seen = { window: innerWidth, page: document.documentElement.scrollWidth, title: document.title,
  background: getComputedStyle(document.body).backgroundColor, suspects: data.suspects, kept: status(), before: csv() };
const more = document.getElementById("more");
seen.first = cardsShown().length;
while (!more.hidden) more.click();
seen.quality = idsShown();
choose("sort", "id"); while (!more.hidden) more.click(); seen.byId = idsShown();
choose("sort", "given"); while (!more.hidden) more.click(); seen.byGiven = idsShown();
choose("sort", "quality");
const pairs = [...document.getElementById("pair").options].map(o => [o.value, o.textContent]);
seen.pairs = pairs;
choose("pair", pairs[1][0]); while (!more.hidden) more.click(); seen.onePair = idsShown();
choose("pair", ""); choose("part", "validation"); while (!more.hidden) more.click(); seen.onePart = idsShown();
choose("part", "");
// One of each by the buttons, one change to another class, one taken back, and two by keys.
const [a, b, c, d, e, f] = cardsShown();
const button = (card, decision) => card.querySelector(`[data-decision=${decision}]`);
button(a, "keep").click();
button(b, "change").click();
button(c, "leave_out").click();
const select = d.querySelector("select");
select.dispatchEvent(new Event("focus"));
seen.options = select.options.length;
select.value = select.options[select.options.length - 1].value;
seen.changedTo = Number(select.value);
select.dispatchEvent(new Event("change"));
button(e, "keep").click(); button(e, "keep").click();
e.focus(); press(e, "j");
seen.movedTo = document.activeElement.dataset.id;
press(document.activeElement, "1");
seen.movedOn = document.activeElement.dataset.id;
press(document.activeElement, "2"); press(document.activeElement, "ArrowLeft");
press(document.activeElement, "2"); // taken back
seen.decidedBy = [a, b, c, d, e, f].map(card => card.dataset.id);
seen.pressed = [button(a, "keep").getAttribute("aria-pressed"), button(a, "change").getAttribute("aria-pressed")];
choose("state", "change"); seen.changed = idsShown(); choose("state", "");
seen.counts = status();
window.Blob = class { constructor(parts) { seen.csv = parts.join(""); } };
URL.createObjectURL = () => "data:,";
URL.revokeObjectURL = () => {};
HTMLAnchorElement.prototype.click = function () { seen.file = this.download; };
document.getElementById("save").click();
seen.injected = document.querySelectorAll("article script, article img[onerror], table script, #gallery b b").length;
const small = [...document.querySelectorAll("button, select")].filter(x => x.offsetParent && x.getBoundingClientRect().height < 24).length;
const nameless = [...document.querySelectorAll("select")].filter(x => !x.labels.length && !x.getAttribute("aria-label")).length;
seen.small = small; seen.nameless = nameless; seen.owned = window.owned === true;
setTimeout(() => {
  seen.pictures = [...document.querySelectorAll("img.picture")].map(i => [i.naturalWidth, i.naturalHeight]);
  parent.postMessage(JSON.stringify(seen), "*");
}, 300);
"""

# Chromium's own window has 500 pixels at least, so the page lies in a frame.
FRAME = """<!DOCTYPE html><meta name="color-scheme" content="light dark"><pre id="probe"></pre>
<script>addEventListener("message", event => { document.getElementById("probe").textContent = event.data; });</script>
<iframe src="{page}" style="width: {width}px; height: 900px; border: 0"></iframe>"""


def look(browser, page, width, dark):
    frame = page.parent / "frame.html"
    frame.write_text(FRAME.replace("{width}", str(width)).replace("{page}", page.name))
    return chromium.look(browser, frame, "--window-size=1500,1000", "--virtual-time-budget=5000", chromium.colors(dark))


def screenshot(browser, page, width, dark):
    frame = page.parent / "frame.html"
    frame.write_text(FRAME.replace("{width}", str(width)).replace("{page}", page.name).replace("900px", "2600px")
                     .replace('<pre id="probe">', '<pre id="probe" hidden>'))
    shot = page.parent / f"{width}-{'dark' if dark else 'light'}.png"
    subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                    f"--window-size={max(500, width + 20)},2620", "--virtual-time-budget=3000", chromium.colors(dark),
                    f"--screenshot={shot}", frame.as_uri()], check=True, capture_output=True, timeout=120)


def expect(wrong, where, what, found, expected):
    if found != expected:
        wrong.append(f"{where}: {what} is {found!r} in place of {expected!r}")


def check_lists(wrong, where, seen):
    suspects = seen["suspects"]
    ids = [s["id"] for s in suspects]
    expect(wrong, where, "the number of cards at first", seen["first"], min(60, len(ids)))
    expect(wrong, where, "the order by quality", seen["quality"], ids)
    qualities = [s["quality"] for s in suspects]
    expect(wrong, where, "rising quality", qualities, sorted(qualities))
    expect(wrong, where, "the set by id", sorted(seen["byId"]), sorted(ids))
    if seen["byId"] == ids:
        wrong.append(f"{where}: sorting by id changes nothing")
    given = {s["id"]: s["given"] for s in suspects}
    expect(wrong, where, "rising given labels", [given[i] for i in seen["byGiven"]], sorted(given.values()))
    value, text = seen["pairs"][1]
    of_pair = [s["id"] for s in suspects if f"{s['given']} {s['predicted']}" == value]
    expect(wrong, where, "one pair", seen["onePair"], of_pair)
    if f"({len(of_pair)})" not in text or "\n" in text or "\u202e" in text or "\u2028" in text:
        wrong.append(f"{where}: the pair reads {text!r}")
    expect(wrong, where, "one part", seen["onePart"], [s["id"] for s in suspects if s["part"] == "validation"])


def check_decisions(wrong, where, seen, classes):
    """The table has what was decided, in the input's order; returns its rows."""
    suspects = {s["id"]: s for s in seen["suspects"]}
    a, b, c, d, e, f = seen["decidedBy"]
    decided = {a: ("keep", suspects[a]["given"]), b: ("change", suspects[b]["predicted"]), c: ("leave_out", None),
               d: ("change", seen["changedTo"]), f: ("keep", suspects[f]["given"])}
    expect(wrong, where, "the card after j", seen["movedTo"], f)
    if seen["movedOn"] in (e, f):
        wrong.append(f"{where}: a key's decision does not move on")
    expect(wrong, where, "the changed", sorted(seen["changed"]), sorted([b, d]))
    expect(wrong, where, "the options of a select", seen["options"], len(classes) - 1)
    expect(wrong, where, "aria-pressed", seen["pressed"], ["true", "false"])
    expect(wrong, where, "the counts", seen["counts"].split(". ")[1],
           f"Kept 2, changed 2, left out 1, undecided {len(suspects) - 5}.")
    rows = list(csv.reader(io.StringIO(seen["csv"])))
    expect(wrong, where, "the head", rows[0], ["id", "given_label", "decision", "label"])
    found = {row[0]: (row[2], row[3]) for row in rows[1:] if row[0] in suspects}
    expect(wrong, where, "the decisions", found,
           {i: (decision, "" if label is None else classes[label]) for i, (decision, label) in decided.items()})
    order = [suspects[row[0]]["row"] for row in rows[1:] if row[0] in suspects]
    expect(wrong, where, "the order of the table", order, sorted(order))
    expect(wrong, where, "the file", seen["file"], "reviewed.csv")
    return rows[1:]


def check_page(browser, program, page, form, wrong):
    text = page.read_text()
    nonce = text.split("'nonce-")[1].split("'")[0]
    page.write_text(text.replace("</body>", f'<script nonce="{nonce}">{{{WORK}}}</script></body>'))
    backgrounds = set()
    saved = {}
    for width in (360, 768, 1400):
        for dark in (False, True):
            where = f"{form}, {width}, {'dark' if dark else 'light'}"
            # The profile stays, so that the page is opened again with what the browser has kept: then every click of
            # WORK takes a decision back, which the second visit undoes.
            seen, console = look(browser, page, width, dark)
            backgrounds.add(seen["background"])
            wrong += [f"{where}: {line}" for line in console]
            if not saved:
                check_lists(wrong, where, seen)
                classes = json.loads(text.split('id="data">')[1].split("</script>")[0])["classes"]
                saved["rows"] = check_decisions(wrong, where, seen, classes)
                saved["csv"] = seen["csv"]
                if len(set(classes)) != 8 or "undecided" not in seen["kept"] or "Kept 0" not in seen["kept"]:
                    wrong.append(f"{where}: at first the page says {seen['kept']}")
            elif "again" not in saved:
                saved["again"] = seen
                expect(wrong, where, "what the browser kept", seen["before"], saved["csv"])
            expect(wrong, where, "the window", seen["window"], width)
            if seen["page"] > seen["window"]:
                wrong.append(f"{where}: the page has {seen['page']} pixels")
            for what in ("owned", "injected", "small", "nameless"):
                expect(wrong, where, what, bool(seen[what]), False)
            if form == "images" and not (seen["pictures"] and all(0 < max(size) <= 96 for size in seen["pictures"])):
                wrong.append(f"{where}: pictures of {seen['pictures']}")
    expect(wrong, form, "the number of backgrounds", len(backgrounds), 2)
    table = page.parent / "reviewed.csv"
    table.write_text(saved["csv"], newline="")
    read = subprocess.run([program, str(page.parent), str(table)], capture_output=True, text=True, check=False)
    if read.returncode != 0:
        wrong.append(f"{form}: the saved table is refused: {read.stderr}")
    else:
        decided = [json.loads(line) for line in read.stdout.splitlines()]
        expect(wrong, form, "the table as it is read", [row[0] for row in decided], [row[0] for row in saved["rows"]])
        expect(wrong, form, "its decisions", [row[2] for row in decided], [row[2] for row in saved["rows"]])
    if form == "features" and saved["rows"][0][0] != "decided, before":
        wrong.append(f"{form}: earlier decisions are not saved again")
    page.write_text(text)


def main():
    browser = chromium.find_browser()
    program = str(pathlib.Path(sys.argv[1]).resolve())
    wrong = []
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else stack.enter_context(tempfile.TemporaryDirectory()))
        subprocess.run([program, str(folder)], check=True)
        for form in ("images", "text", "features"):
            page = folder / form / "report.html"
            check_page(browser, program, page, form, wrong)
            if len(sys.argv) > 2:
                for width in (360, 768, 1400):
                    for dark in (False, True):
                        screenshot(browser, page, width, dark)
    if wrong:
        sys.exit("\n".join(wrong))


main()
