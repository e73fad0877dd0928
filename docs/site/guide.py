"""The guide's pages of Markdown, as MyST reads them.

The Markdown is written for a Git host and stays as it is there. Here links to files that are no pages of Markdown lead
to the reference (headers) or to the file's text, and so do paths in backticks. Such a link is site:FILE, from the
site's root; conf.py makes it relative.
"""

import os
import re

import tree

LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^)\s]+)(\))")
PATH = re.compile(r"(?<![\[`])`([\w.-]+(?:/[\w.-]+)+)`(?!\])")
LINES = re.compile(r"L(\d+)(?:-L\d+)?")  # a Git host's anchor for lines of a file


class Guide:
    def __init__(self):
        self.code = set()  # files whose text is linked
        self.images = set()
        self.missing = []  # links that lead nowhere, as sentences

    def site(self, path):
        file = tree.site_file(path)
        if file == tree.code_file(path):
            self.code.add(path)
        return f"site:{file}"

    def target(self, page, target):
        """What a link of a page leads to in the site."""
        if re.match(r"[a-z]+:|#", target):
            return target
        name, _, anchor = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(page), name))
        if not (tree.ROOT / path).is_file():
            self.missing.append(f"{page}: there is no file {path} to link to")
            return target
        if path.endswith(".md"):
            relative = os.path.relpath(tree.document(path), os.path.dirname(page)) + ".md"
            return relative + ("#" + anchor if anchor else "")
        if path.endswith((".svg", ".png")):
            self.images.add(path)
            return target
        lines = LINES.fullmatch(anchor)
        if lines:
            self.code.add(path)
            return f"site:{tree.code_file(path)}#L-{lines[1]}"
        return self.site(path)

    def linked_path(self, code, path):
        # What is built or run here is not of the repository.
        is_source = (tree.ROOT / path).is_file() and path.split("/")[0] not in ("build", "runs")
        return f"[{code}]({self.site(path)})" if is_source else code

    def prose(self, page, line):
        """A line outside of blocks of code."""
        line = LINK.sub(lambda match: match[1] + self.target(page, match[2]) + match[3], line)
        return PATH.sub(lambda match: self.linked_path(match[0], match[1]), line)

    def convert(self, page, text):
        """The text of a page, a path from the repository's root."""
        fenced, lines = False, []
        for line in text.splitlines():
            fence = line.lstrip().startswith("```")
            if fence or fenced:
                lines.append(re.sub(r"^(\s*)```math$", r"\1```{math}", line))
            else:
                lines.append(self.prose(page, line))
            fenced = fenced != fence
        return "\n".join(lines) + "\n"
