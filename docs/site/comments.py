"""The plain comments of a header as Doxygen's.

These comments are changed:
  - the block at the top describes the file;
  - a block right above a declaration describes it;
  - a comment behind a declaration, and its further lines, describe that declaration;
  - a block "---- title. Text" starts a group of declarations, which ends at the next one or with its scope.
Other comments, those in the bodies of functions included, are no documentation. The text of a comment is taken as it
is: what Doxygen would read as a command is escaped. `code` is code, and lines indented by two spaces are formulas.

Left out are private members, specialisations of fmt's templates, values that are lambdas, and the lines of the
namespace: all of the library is in one.
"""

import re

import tree

COLUMNS = 120  # where the sources' lines are wrapped
COMMENT = re.compile(r"(\s*)//(.*)")
TRAILING = re.compile(r"(\s*\S.*?)\s+//(.*)")
STRING = re.compile(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])\'')
DESIGNATOR = re.compile(r"([{,]\s*)\.\w+ = ")
RAW_STRING = re.compile(r'\bR"([^\s()\\]*)\((.*?)\)\1"', re.DOTALL)
SCOPE = re.compile(r"\s*(template\b.*)?\b(class|struct|union|enum)\b[^;()]*\{")  # whose members are declarations
NAMESPACE = re.compile(r"namespace cofactor(::\w+)? \{|\}  // namespace cofactor(::\w+)?")
LAMBDA = re.compile(r"(.*\S) = \[.*\{")
FOREIGN = re.compile(r"struct fmt::.*\{")
ITEM = re.compile(r" *(-|\d+\.) ")
FILE = re.compile(r"\b(?:docs|" + "|".join(tree.FOLDERS) + r")/[\w/]+\.(?:md|h)\b")


def escape(text):
    return re.sub(r'([\\@&$#<>%"|])', r"\\\1", text).replace("::", r"\::").replace("*/", "* /")


def link(match):
    """A page of the guide or a header that a comment names."""
    path = match[0]
    known = path.endswith(".md") or tree.is_header(path)
    return f'<a href="site:{tree.site_file(path)}">{path}</a>' if known else path


def markup(text):
    """A paragraph of a comment with its `code` and its links."""
    parts = re.split(r"`([^`]*)`", text)
    for i, part in enumerate(parts):
        if i % 2:
            parts[i] = f"<code>{escape(part)}</code>"
        else:
            parts[i] = FILE.sub(link, escape(part))
    return "".join(parts)


def paragraphs(lines):
    """A comment's lines as (whether it is a formula, lines)."""
    current, in_item = [], False
    for line in [*lines, ""]:
        formula = line.startswith("  ") and not in_item and not ITEM.match(line)
        if current and (formula or not line.strip()):
            yield False, current
            current = []
        if formula:
            yield True, [line]
        elif line.strip():
            current.append(line)
        in_item = bool(line.strip()) and (in_item or bool(ITEM.match(line)))


def documentation(texts):
    """A comment's lines, without their slashes, as Doxygen's text."""
    result, before = "", False
    for formula, lines in paragraphs([text.removeprefix(" ") for text in texts]):
        if formula != before:
            result += "\n@verbatim\n" if formula else "@endverbatim\n"
        elif result and not formula:
            result += "\n"
        result += ("\n".join(lines) if formula else markup("\n".join(lines))) + "\n"
        before = formula
    return (result + "@endverbatim" if before else result).strip("\n")


def continues(line, following):
    """Whether the second line of a comment goes on with the first one's sentence: its first word had no room there."""
    (indent, text), words = line, following[1].split()
    return bool(words) and len(f"{indent}//{text} {words[0]}") > COLUMNS


class Filter:
    def __init__(self):
        self.out = []
        self.scopes = [True]  # of the file and of each open brace: whether its content is declarations
        self.group = None  # the number of scopes at the open group
        self.hidden = None  # while lines are left out: the number of scopes below which this ends
        self.hides_end = False

    def describe(self, text, mark="/**"):
        if text:
            self.out.append(f"{mark} {text} */")

    def close_group(self):
        if self.group is not None:
            self.out.append("///@}")
            self.group = None

    def open_group(self, block):
        """Returns the block's lines behind the group's title and text."""
        end = 1
        while end < len(block) and continues(block[end - 1], block[end]):
            end += 1
        text = "\n".join(text for _, text in block[:end]).removeprefix(" ---- ")
        title, text = re.fullmatch(r"(.*?)(?:[.:]\s(.*)|[.:])?", text, re.DOTALL).groups()
        self.close_group()
        self.describe(f"@name {escape(' '.join(title.split()))}\n\n{documentation((text or '').splitlines())}")
        self.out.append("///@{")
        self.group = len(self.scopes)
        return block[end:]

    def comment(self, block, following, at_top):
        """Lines that are nothing but a comment: [(indent, text)]."""
        if at_top:
            self.describe("@file\n\n" + documentation([text for _, text in block]))
            return
        if self.hidden is not None or not self.scopes[-1]:
            return
        if block[0][1].startswith(" ---- "):
            block = self.open_group(block)
        if following.strip() and not re.match(r"\s*(#|\}|public:|private:|protected:)", following):
            self.describe(documentation([text for _, text in block]))

    def hide(self, code):
        """Starts to leave lines out, if this one says so."""
        value = LAMBDA.fullmatch(code)
        if code.strip() == "private:":
            if self.group == len(self.scopes):
                self.close_group()
            self.hidden, self.hides_end = len(self.scopes), False
        elif value or FOREIGN.match(code):
            self.hidden, self.hides_end = len(self.scopes) + 1, True
            if value:
                self.out.append(value[1] + ";")
            else:
                self.out.pop()  # template <>

    def braces(self, code):
        """Follows the scopes; returns whether the line is to be written."""
        written = self.hidden is None
        for brace in re.findall(r"[{}]", STRING.sub("", code)):
            if brace == "{":
                self.scopes.append(self.scopes[-1] and bool(SCOPE.match(code)))
                continue
            if self.group == len(self.scopes):
                self.close_group()
            self.scopes.pop()
            if self.hidden is not None and len(self.scopes) < self.hidden:
                written = not self.hides_end
                self.hidden = None
        return written

    def code(self, line):
        """A line with code; returns where its comment begins if that describes a declaration."""
        if NAMESPACE.fullmatch(line):
            self.close_group()
            return None
        trailing = TRAILING.fullmatch(STRING.sub(lambda match: "x" * len(match[0]), line))
        code = line[: trailing.end(1)] if trailing else line
        if self.hidden == len(self.scopes) and code.strip() in ("public:", "protected:"):
            self.hidden = None
        if self.hidden is None and self.scopes[-1]:
            self.hide(code)
        declarations = self.scopes[-1]
        if not self.braces(code):
            return None
        self.out.append(code)
        if not trailing or not declarations or not self.scopes[-1]:
            return None
        self.describe(documentation([line[trailing.start(2) :]]), "/**<")
        return trailing.start(2) - 2

    def run(self, lines):
        comments = [COMMENT.fullmatch(line) for line in lines]
        i, column = 0, None
        while i < len(lines):
            if not comments[i]:
                column = self.code(lines[i])
                i += 1
            elif len(comments[i][1]) == column:  # a trailing comment's further line
                self.describe(documentation([comments[i][2]]), "/**<")
                i += 1
            else:
                end = next((k for k in range(i, len(lines)) if not comments[k]), len(lines))
                block = [match.groups() for match in comments[i:end]]
                self.comment(block, lines[end] if end < len(lines) else "", at_top=i == 0)
                i, column = end, None
        return "\n".join(self.out) + "\n"


def plain_string(raw):
    """A raw string as a plain one, which is all that Sphinx reads."""
    text = raw[2].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def for_doxygen(text):
    """A header's text, with its comments as Doxygen's."""
    text = RAW_STRING.sub(plain_string, text)
    text = DESIGNATOR.sub(r"\1", text)  # Sphinx does not know designated initialisers
    return Filter().run(text.splitlines())
