#!/usr/bin/env python3
"""Writes what Doxygen and Sphinx read.

usage: stage.py FOLDER

  FOLDER/headers  the installed headers, with comments as Doxygen's
  FOLDER/pages    the pages of Markdown, and one page for each header
  FOLDER/extra    files that the site has as they are: the text of files, KaTeX's style and fonts
"""

import html
import os
import pathlib
import re
import sys

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

import comments
import tree
from guide import Guide

KATEX = pathlib.Path("/usr/share/javascript/katex")

CODE_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{path}</title><link rel="stylesheet" href="{up}_static/code.css"></head>
<body><script>document.body.dataset.theme = localStorage.getItem("theme") || "auto";</script>
<header><a href="{up}index.html">cofactor</a> <span>{path}</span>{reference}</header>
<main>{code}</main></body></html>
"""


class Stage:
    def __init__(self, folder):
        self.folder = folder
        self.guide = Guide()

    def write(self, path, text):
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def markdown(self, page):
        text = self.guide.convert(page, (tree.ROOT / page).read_text(encoding="utf-8"))
        if page == "README.md":
            listed, others = tree.navigation()
            text += toctree("Guide", [tree.document(other) for other in listed + others])
            text += toctree("Library", ["api/index"])
        self.write(tree.document(page) + ".md", text)

    def images(self):
        for image in self.guide.images:
            target = self.folder / image
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((tree.ROOT / image).read_bytes())

    def reference(self):
        """A page for each header and each folder of headers."""
        children = {}
        for header in tree.headers():
            children.setdefault(os.path.dirname(header), []).append(header)
            self.guide.code.add(header)
            self.write(f"../headers/{header}", comments.for_doxygen((tree.ROOT / header).read_text(encoding="utf-8")))
            folder = os.path.dirname(header)
            self.write(tree.api_document(header) + ".rst",
                       # 126 entries in the navigation of every page would double the build's time; folders are there.
                       f":orphan:\n\n{header}\n{'=' * len(header)}\n\n"
                       f":doc:`{folder}/ <index>` · `The header's text <site:{tree.code_file(header)}>`__\n\n"
                       f".. doxygenfile:: {header}\n")
        folders = {str(parent) for folder in children for parent in [pathlib.PurePosixPath(folder),
                                                                     *pathlib.PurePosixPath(folder).parents]} - {"."}
        for folder in folders:
            below = sorted(other for other in folders if os.path.dirname(other) == folder)
            self.folder_page(folder, children.get(folder, []), below)
        entries = "\n".join(f"   {folder}/index" for folder in tree.FOLDERS)
        self.write("api/index.rst", "Library reference\n=================\n\n"
                   "The headers that are installed, by folder. Everything is in the namespace ``cofactor``; a header\n"
                   'is included by its path: ``#include "engine/tensor.h"``.\n\n' + listed(tree.FOLDERS, "/index")
                   + f"\n.. toctree::\n   :hidden:\n\n{entries}\n")

    def folder_page(self, folder, headers, below):
        title = folder + "/"
        text = f"{title}\n{'=' * len(title)}\n\n"
        for header in headers:
            name = os.path.basename(header)
            text += f"- :doc:`{name} <{name.removesuffix('.h')}>`: {first_sentence(header)}\n"
        below = [os.path.basename(other) for other in below]
        text += listed(below, "/index") + "\n.. toctree::\n   :hidden:\n\n"
        text += "".join(f"   {other}/index\n" for other in below)
        self.write(f"api/{folder}/index.rst", text)

    def code_pages(self, out):
        for path in sorted(self.guide.code):
            text = (tree.ROOT / path).read_text(encoding="utf-8")
            formatter = HtmlFormatter(linenos="inline", lineanchors="L", anchorlinenos=True, wrapcode=True)
            up = "../" * (path.count("/") + 1)
            code = highlight(text, lexer_for(path, text), formatter)
            code = re.sub(r'(<span class="cpf">&quot;)([^&<]+)(&quot;</span>)', lambda m: self.include(m, up), code)
            reference = f' <a href="{up}{tree.site_file(path)}">reference</a>' if tree.is_header(path) else ""
            file = out / tree.code_file(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(CODE_PAGE.format(path=html.escape(path), up=up, code=code, reference=reference),
                            encoding="utf-8")
        light, dark = (HtmlFormatter(style=style).get_style_defs for style in ("default", "native"))
        style = (pathlib.Path(__file__).parent / "code.css").read_text(encoding="utf-8")
        style += light("body") + "\n" + dark('body[data-theme="dark"]')
        style += "\n@media (prefers-color-scheme: dark) {\n" + dark('body[data-theme="auto"]') + "\n}\n"
        (out / "_static").mkdir(parents=True, exist_ok=True)
        (out / "_static/code.css").write_text(style, encoding="utf-8")

    def include(self, match, up):
        """An #include of another file that is shown."""
        if match[2] not in self.guide.code:
            return match[0]
        return f'{match[1]}<a href="{up}{tree.code_file(match[2])}">{match[2]}</a>{match[3]}'


def toctree(caption, documents):
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *documents, "```", ""])


def listed(folders, page):
    return "".join(f"- :doc:`{folder}/ <{folder}{page}>`\n" for folder in folders)


def first_sentence(header):
    """Of the comment at a header's top, as reStructuredText."""
    comment = []
    for line in (tree.ROOT / header).read_text(encoding="utf-8").splitlines():
        if not line.startswith("// "):
            break
        comment.append(line[3:])
    sentence = re.match(r".*?(?<!al)(?<!etc)\.(?=\s|$)|.*", " ".join(comment))[0].rstrip(".:")
    return re.sub(r"([*|\\_])", r"\\\1", sentence).replace("`", "``")


def lexer_for(path, text):
    if path.startswith("scripts/") or path == ".ci/run":
        path = "script.sh"
    try:
        return get_lexer_for_filename("code.cpp" if path.endswith((".h", ".cu", ".cuh")) else path, text)
    except ClassNotFound:
        return TextLexer()


def copy_katex(target):
    """KaTeX's style and fonts, without the fonts' older formats."""
    style = (KATEX / "katex.min.css").read_text(encoding="utf-8")
    style = re.sub(r',url\(fonts/[^)]+\.(woff|ttf)\) ?format\(.\w+.\)', "", style)
    (target / "fonts").mkdir(parents=True, exist_ok=True)
    (target / "katex.css").write_text(style, encoding="utf-8")
    for font in re.findall(r"url\((fonts/[^)]+)\)", style):
        (target / font).write_bytes((KATEX / font).read_bytes())


def main():
    folder = pathlib.Path(sys.argv[1])
    stage = Stage(folder / "pages")
    for page in tree.markdown_pages():
        stage.markdown(page)
    stage.reference()
    stage.code_pages(folder / "extra")
    copy_katex(folder / "extra/_static/katex")
    stage.images()
    if stage.guide.missing:
        sys.exit("\n".join(stage.guide.missing))


main()
