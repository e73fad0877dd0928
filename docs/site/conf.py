"""Sphinx's settings for the site. They are read in the folder of pages, which lies beside Doxygen's output."""

import json
import pathlib
import posixpath
import re
import shutil
import subprocess

import sphinx
from docutils import nodes
from sphinx.errors import ExtensionError

project = "cofactor"
author = "the cofactor project"
html_title = "cofactor"
extensions = ["myst_parser", "breathe"]
root_doc = "index"
highlight_language = "none"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 6
myst_url_schemes = ["http", "https", "mailto", "site"]

breathe_projects = {"cofactor": "../xml"}
breathe_default_project = "cofactor"

html_theme = "furo"
html_static_path = ["site.css"]
html_css_files = ["katex/katex.css", "site.css"]
html_extra_path = ["../extra"]
html_math_renderer = "katex"
html_copy_source = False
html_show_copyright = False
html_show_search_summary = False  # the summaries are fetched, which a browser refuses for file://

KATEX = "/usr/share/javascript/katex/katex.min.js"
TYPESET = f"""
const katex = require("{KATEX}");
for (const [tex, displayMode] of JSON.parse(require("fs").readFileSync(0))) {{
  let answer;
  try {{ answer = [true, katex.renderToString(tex, {{ displayMode, throwOnError: true, strict: "error" }})]; }}
  catch (error) {{ answer = [false, String(error)]; }}
  console.log(JSON.stringify(answer));
}}
"""


def formula(node):
    return node.astext(), isinstance(node, nodes.math_block)


def typeset(app, env):
    """Typesets all formulas at once. The pages hold the result: they need no script, and errors are found here."""
    found = {}
    for document in sorted(env.found_docs):
        for kind in (nodes.math, nodes.math_block):
            for node in env.get_doctree(document).findall(kind):
                found.setdefault(formula(node), document)
    done = subprocess.run(["node", "--eval", TYPESET], input=json.dumps(list(found)), capture_output=True,
                          encoding="utf-8", check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(answers) != len(found):
        raise ExtensionError(f"KaTeX failed: {done.stderr or done.stdout[-500:]}")
    app.typeset = {}
    for (tex, display), (good, result) in zip(found, answers):
        if not good:
            raise ExtensionError(f"{found[tex, display]}: the formula {tex!r} cannot be typeset: {result}")
        app.typeset[tex, display] = result


def visit_math(translator, node):
    translator.body.append(translator.builder.app.typeset[formula(node)])
    raise nodes.SkipNode


def visit_math_block(translator, node):
    translator.body.append(f'<div class="formula">{translator.builder.app.typeset[formula(node)]}</div>')
    raise nodes.SkipNode


def resolve_links(app, doctree, document):
    """Makes the links site:FILE, which are from the site's root, relative to the page."""
    for node in doctree.findall(nodes.reference):
        if node.get("refuri", "").startswith("site:"):
            node["refuri"] = posixpath.relpath(node["refuri"].removeprefix("site:"), posixpath.dirname(document) or ".")
            node["classes"] = [name for name in node["classes"] if name != "external"]
            node["internal"] = True


def avoid_modules(app, page, template, context, doctree):
    """A browser loads no script as a module from a file; mend_theme makes the theme's one a plain script."""
    for script in context.get("script_files", []):
        getattr(script, "attributes", {}).pop("type", None)


def mend_theme(app, exception):
    """Furo as Debian packages it expects a web server, and lacks its rules for systems that are set to dark."""
    static = pathlib.Path(app.outdir) / "_static"
    if exception or not (static / "styles/furo.css").is_file():
        return
    style = static / "styles/furo.css"
    text = style.read_text(encoding="utf-8")
    for path in set(re.findall(r"url\(/(javascript/[^)]+)\)", text)):
        (static / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f"/usr/share/{path}", static / path)
        text = text.replace(f"url(/{path})", f"url(../{path})")
    dark = re.findall(r'[^{};]*body\[data-theme="dark"\](?! \.theme-toggle)[^{}]*\{[^{}]*\}', text)
    text += "@media screen and (prefers-color-scheme: dark) {%s}\n" % "".join(dark).replace('"dark"', '"auto"')
    style.write_text(text, encoding="utf-8")
    script = static / "scripts/furo.js"
    text = script.read_text(encoding="utf-8")
    # The script that is imported defines a global.
    imported = re.compile(r'^import .* from "\./([\w-]+\.js)";$', re.MULTILINE)
    text = imported.sub(lambda match: (script.parent / match[1]).read_text(encoding="utf-8"), text)
    script.write_text(text, encoding="utf-8")


def remember_ids():
    """Half of the build's time would be spent on declarations' ids: Sphinx 5 computes them anew for each comparison."""
    from sphinx.domains.cpp import ASTDeclaration

    compute = ASTDeclaration.get_newest_id

    def get_newest_id(self):
        if "newest_id" not in self.__dict__:
            self.newest_id = compute(self)
        return self.newest_id

    ASTDeclaration.get_newest_id = get_newest_id


def setup(app):
    if sphinx.version_info < (6,):
        remember_ids()
    app.add_html_math_renderer("katex", (visit_math, None), (visit_math_block, None))
    app.connect("env-updated", typeset)
    app.connect("doctree-resolved", resolve_links)
    app.connect("html-page-context", avoid_modules, priority=900)
    app.connect("build-finished", mend_theme)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
