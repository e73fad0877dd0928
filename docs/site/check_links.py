#!/usr/bin/env python3
"""Checks a site of static pages: every link leads somewhere, and nothing comes from the network.

usage: check_links.py FOLDER

Fails where a link or a resource of a page is not in the folder, where there is no such anchor, and where a page or a
style would load something from the network. Links to other sites are not followed; external_links.txt lists them.
"""

import html.parser
import pathlib
import re
import sys
import urllib.parse

# Of each element, the attribute that a browser loads without being asked; <a href> is what a reader follows.
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "video": "src",
          "audio": "src", "object": "data", "embed": "src", "image": "href", "use": "href", "input": "src"}
STYLE_URL = re.compile(r"""url\(\s*['"]?([^'")]+)['"]?\s*\)|@import\s+['"]([^'"]+)['"]""")
PASSIVE_LINKS = {"canonical", "license"}  # <link rel>s that are not loaded


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.in_style = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        self.anchors |= {attributes[name] for name in ("id", "name") if name in attributes}
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        name = LOADED.get(tag)
        if name in attributes and not PASSIVE_LINKS & set(attributes.get("rel", "").split()):
            self.loaded.append(attributes[name])
        self.loaded += urls_of(attributes.get("style", ""))
        self.in_style = tag == "style"

    def handle_data(self, data):
        if self.in_style:
            self.loaded += urls_of(data)

    def handle_endtag(self, tag):
        self.in_style = False


def urls_of(style):
    return [first or second for first, second in STYLE_URL.findall(style)]


def check(folder):
    """Returns (what is wrong, the links to other sites)."""
    folder = folder.resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    wrong, external = [], set()

    def visit(path, link, loaded):
        parts = urllib.parse.urlsplit(link)
        where = f"{path.relative_to(folder)}: {link}"
        if parts.scheme == "data" or parts.scheme == "mailto" and not loaded:
            return
        if parts.scheme or parts.netloc:
            if loaded or parts.scheme not in ("http", "https"):
                wrong.append(f"{where}: would be loaded from the network" if loaded else f"{where}: not a web address")
            external.add(link)
            return
        target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
        if not target.is_file() or not target.is_relative_to(folder):
            wrong.append(f"{where}: there is no such file in the site")
        elif not loaded and parts.fragment and target in pages:
            if urllib.parse.unquote(parts.fragment) not in pages[target].anchors:
                wrong.append(f"{where}: the page has no such anchor")

    for path, page in pages.items():
        for link in page.links:
            visit(path, link, False)
        for link in page.loaded:
            visit(path, link, True)
    for path in sorted(path for path in folder.rglob("*.css") if path.is_file()):
        for link in urls_of(path.read_text(encoding="utf-8")):
            visit(path, link, True)
    return wrong, sorted(external)


def main():
    folder = pathlib.Path(sys.argv[1])
    wrong, external = check(folder)
    if not (folder / "index.html").is_file():
        wrong.append(f"{folder} has no index.html")
    (folder / "external_links.txt").write_text("".join(link + "\n" for link in external), encoding="utf-8")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
