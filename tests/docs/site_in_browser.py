#!/usr/bin/env python3
"""Opens the documentation's site in headless Chromium at 400 and 1,400 pixels, light and dark.

usage: site_in_browser.py SITE

SITE is what scripts/docs has built. The browser has no network. Fails where the console shows an error, a page is wider
than the window, a formula, font or script is not there, light and dark look the same, or a search for "determinant"
does not find the derivations and losses/dmi.h. Exits with 77 where Chromium does not start or the site is not built.
"""

import json
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fixtures"))
import browser as chromium  # noqa: E402

# Beside every page of the guide.
PAGES = ["index.html", "CONTRIBUTING.html", "api/index.html", "api/engine/index.html", "api/engine/tensor.html",
         "api/losses/dmi.html", "code/engine/tensor.h.html", "search.html?q=determinant"]

# A search shows its results one by one, so a page tells several times; the last counts.
PROBE = """<script>
function tell() {
  const shown = [...document.querySelectorAll("#search-results li a")].map(a => a.getAttribute("href"));
  parent.postMessage({ page: PAGE, window: innerWidth, wide: document.documentElement.scrollWidth,
    background: getComputedStyle(document.body).backgroundColor, scripts: !document.querySelector("html.no-js"),
    formulas: document.querySelectorAll(".katex").length, shown,
    fonts: [...document.fonts].filter(f => f.family.startsWith("KaTeX") && f.status == "loaded").length,
    broken: [...document.fonts].filter(f => f.status == "error").map(f => f.family)
      .concat([...document.images].filter(i => !i.naturalWidth).map(i => i.src)) }, "*");
}
addEventListener("load", () => document.fonts.ready.then(() => {
  for (const wait of [3000, 10000, 20000, 40000]) setTimeout(tell, wait);
}));
</script></body>"""

# Chromium's own window has 500 pixels at least, so the pages lie in frames; all at one place, since it slows down those
# out of sight.
FRAME = """<!DOCTYPE html><meta name="color-scheme" content="light dark"><pre id="probe"></pre>
<script>
const seen = [];
addEventListener("message", event => { seen.push(event.data); probe.textContent = JSON.stringify(seen); });
</script>"""


def prepare(site, folder, pages):
    """A copy of the site whose pages tell what they look like."""
    shutil.copytree(site, folder)
    for page in pages:
        file = folder / page.partition("?")[0]
        file.write_text(file.read_text(encoding="utf-8").replace("</body>", PROBE.replace("PAGE", json.dumps(page))),
                        encoding="utf-8")


def look(browser, folder, pages, width, dark):
    """What every page says of itself, and the console's errors."""
    frame = folder / "frame.html"
    style = f"width: {width}px; height: 900px; border: 0; position: absolute; top: 0; left: 0"
    frames = (f'<iframe src="{page}" style="{style}"></iframe>' for page in pages)
    frame.write_text(FRAME + "".join(frames), encoding="utf-8")
    told, console = chromium.look(browser, frame, "--window-size=1500,1000", "--host-resolver-rules=MAP * ~NOTFOUND",
                                  "--proxy-server=127.0.0.1:9", "--virtual-time-budget=60000", chromium.colors(dark),
                                  seconds=500)
    return {seen["page"]: seen for seen in told}, console


def judge(seen, width):
    """What is wrong with a page."""
    if seen["window"] != width:
        yield f"the window has {seen['window']} pixels"
    if seen["wide"] > width:
        yield f"it is {seen['wide']} pixels wide"
    if not seen["scripts"]:
        yield "the theme's script did not run"
    if seen["broken"]:
        yield f"not loaded: {', '.join(seen['broken'])}"
    if seen["page"].startswith("docs/derivations") and (seen["formulas"] < 100 or seen["fonts"] < 3):
        yield f"{seen['formulas']} formulas, {seen['fonts']} of their fonts"
    if seen["page"].startswith("search"):
        for page in ("docs/derivations.html", "api/losses/dmi.html"):
            if not any(link.startswith(page) for link in seen["shown"]):
                yield f"{page} is not among the {len(seen['shown'])} results"


def main():
    site = pathlib.Path(sys.argv[1])
    if not (site / "index.html").is_file():
        chromium.skip(f"there is no site in {site}; scripts/docs builds it")
    browser = chromium.find_browser()
    pages = PAGES + sorted(str(page.relative_to(site)) for page in (site / "docs").rglob("*.html"))
    absent = [page for page in pages if not (site / page.partition("?")[0]).is_file()]
    if absent:
        sys.exit(f"{site} has no {', '.join(absent)}: if it is an old site, scripts/docs builds it anew")
    wrong = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "site"
        prepare(site, folder, pages)
        backgrounds = {}
        for width in (400, 1400):
            for dark in (False, True):
                where = f"{width} pixels, {'dark' if dark else 'light'}"
                seen, console = look(browser, folder, pages, width, dark)
                wrong += [f"{where}: {line}" for line in console]
                for page in pages:
                    backgrounds[page, width, dark] = seen.get(page, {}).get("background")
                    problems = judge(seen[page], width) if page in seen else ["it did not load"]
                    wrong += [f"{page}: {where}: {problem}" for problem in problems]
        wrong += [f"{page}: {width} pixels: light and dark have the same background" for page in pages
                  for width in (400, 1400) if backgrounds[page, width, False] == backgrounds[page, width, True]]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{len(pages)} pages, at two widths, light and dark")


main()
