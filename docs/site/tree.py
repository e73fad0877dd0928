"""The repository as the site sees it: which file is which page."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def library_folders():
    """The folders whose headers are installed: CMakeLists.txt lists them."""
    found = re.search(r"set\(COFACTOR_FOLDERS ([^)]+)\)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    return found[1].split()


FOLDERS = library_folders()


def is_header(path):
    """Whether a path from the root is an installed header, as cmake/install.cmake has it."""
    parts = pathlib.PurePosixPath(path).parts
    return path.endswith(".h") and parts[0] in FOLDERS and "backends" not in parts and (ROOT / path).is_file()


def headers():
    found = (header for folder in FOLDERS for header in (ROOT / folder).rglob("*.h"))
    return sorted(path for path in (str(header.relative_to(ROOT)) for header in found) if is_header(path))


def markdown_pages():
    """Every page of Markdown, as a path from the root: README.md first, then those beside it, then those of docs/."""
    found = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    return sorted((str(page.relative_to(ROOT)) for page in found), key=lambda path: path != "README.md")


def document(page):
    """The name that Sphinx has for a page of Markdown."""
    return "index" if page == "README.md" else page.removesuffix(".md")


def api_document(header):
    return "api/" + header.removesuffix(".h")


def code_file(path):
    """Where the site shows a file's text."""
    return f"code/{path}.html"


def site_file(path):
    """The site's file for a file of the repository: a page of the guide or of the reference, or its text."""
    if path.endswith(".md"):
        return document(path) + ".html"
    return api_document(path) + ".html" if is_header(path) else code_file(path)


def navigation():
    """The pages of the guide, in the order of README.md's table "Where to read on", and those that it lacks."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## Where to read on\n")[2].partition("\n## ")[0]
    pages = markdown_pages()
    listed = [page for page in dict.fromkeys(re.findall(r"\]\(([^)#]+\.md)\)", section)) if page in pages]
    return listed, [page for page in pages if page not in listed and page != "README.md"]
