#!/usr/bin/env python3
"""What the site is made with (docs/site): headers' comments, the check of links, the navigation. No site is built."""

import pathlib
import re
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docs/site"))

import check_links  # noqa: E402
import comments  # noqa: E402
import guide  # noqa: E402
import tree  # noqa: E402

HEADER = """\
// A header, with `code<T>`
// and losses/dmi.h, losses/absent.h
// and docs/derivations.md.
//
// A formula:
//
//   a < b
//
// The end.
#pragma once

namespace cofactor {

// Far from everything: no documentation.

// Of f.
int f();  // of f too,
          // in two lines

// ---- group. Its text
// Of g.
inline int g() {
  // No documentation.
  return 1;  // nor this
}

class C {
 public:
  const char* text = "// no comment";  // a string
  int plain = 0;

 private:
  // Hidden.
  int hidden_ = 0;
};

inline constexpr auto value = [] {
  return 2;
}();
inline constexpr const char* raw = R"({"a\\n":
)";

}  // namespace cofactor

template <>
struct fmt::formatter<C> {
  int foreign();
};
"""

FILTERED = """\
/** @file

A header, with <code>code\\<T\\></code>
and <a href="site:api/losses/dmi.html">losses/dmi.h</a>, losses/absent.h
and <a href="site:docs/derivations.html">docs/derivations.md</a>.

A formula:

@verbatim
  a < b
@endverbatim
The end. */
#pragma once



/** Of f. */
int f();
/**< of f too, */
/**< in two lines */

/** @name group

Its text */
///@{
/** Of g. */
inline int g() {
  return 1;
}

class C {
 public:
  const char* text = "// no comment";
/**< a string */
  int plain = 0;

};

inline constexpr auto value;
inline constexpr const char* raw = "{\\"a\\\\n\\":\\n";

///@}

"""

PAGES = {
    "index.html": '<a href="a.html#here">a</a><a href="a.html#gone">b</a><a href="absent.html">c</a>'
                  '<a href="../up.html">d</a><a href="https://example.org/x">e</a><a href="#top">f</a><p id="top">',
    "a.html": '<p id="here"><img src="https://example.org/x.png"><script src="absent.js"></script>'
              '<style>@import "https://example.org/s.css";</style><a href="ftp://example.org/">g</a>',
    "s.css": "a { background: url(absent.png) } b { background: url('data:image/png;base64,x') }",
}


MARKDOWN = """\
[up](../README.md) [here](#a) [page](data.md#b) [web](https://example.org/x)
![figure](figures/fashion_mnist_accuracy.svg)
[header](../engine/tensor.h) [text](../engine/tensor.cpp) [lines](../engine/tensor.h#L3-L7), `engine/tensor.cpp`,
[`engine/tensor.h`](../engine/tensor.h), `engine/absent.h`, [absent](absent.md)
```math
[x](y)
```
```
`engine/tensor.cpp` [absent](absent.md)
```
"""

CONVERTED = """\
[up](../index.md) [here](#a) [page](data.md#b) [web](https://example.org/x)
![figure](figures/fashion_mnist_accuracy.svg)
[header](site:api/engine/tensor.html) [text](site:code/engine/tensor.cpp.html) \
[lines](site:code/engine/tensor.h.html#L-3), [`engine/tensor.cpp`](site:code/engine/tensor.cpp.html),
[`engine/tensor.h`](site:api/engine/tensor.html), `engine/absent.h`, [absent](absent.md)
```{math}
[x](y)
```
```
`engine/tensor.cpp` [absent](absent.md)
```
"""


class SiteTest(unittest.TestCase):
    maxDiff = None

    def test_comments_become_documentation(self):
        self.assertEqual([line.rstrip() for line in comments.for_doxygen(HEADER).rstrip().split("\n")],
                         FILTERED.rstrip().split("\n"))

    def test_every_header_keeps_its_declarations(self):
        self.assertGreater(len(tree.headers()), 100)
        for header in tree.headers():
            text = (tree.ROOT / header).read_text(encoding="utf-8")
            result = comments.for_doxygen(text)
            self.assertIn("@file", result, header)
            for word in ("private:", "namespace cofactor {", "fmt::formatter<"):
                self.assertNotIn(word, result, header)
            self.assertEqual(result.count("///@{"), result.count("///@}"), header)
            code = comments.STRING.sub("", re.sub(r"/\*.*?\*/|///@[{}]", "", result, flags=re.DOTALL))
            self.assertEqual(code.count("{"), code.count("}"), header)

    def test_links_of_the_guide_lead_to_the_site(self):
        pages = guide.Guide()
        self.assertEqual(pages.convert("docs/page.md", MARKDOWN), CONVERTED)
        self.assertEqual(pages.missing, ["docs/page.md: there is no file docs/absent.md to link to"])
        self.assertEqual(pages.code, {"engine/tensor.cpp", "engine/tensor.h"})
        self.assertEqual(pages.images, {"docs/figures/fashion_mnist_accuracy.svg"})

    def test_links_that_lead_nowhere_and_what_comes_from_the_network_are_found(self):
        with tempfile.TemporaryDirectory() as name:
            for file, text in PAGES.items():
                (pathlib.Path(name) / file).write_text(text, encoding="utf-8")
            wrong, external = check_links.check(pathlib.Path(name))
        self.assertEqual(sorted(wrong), [
            "a.html: absent.js: there is no such file in the site",
            "a.html: ftp://example.org/: not a web address",
            "a.html: https://example.org/s.css: would be loaded from the network",
            "a.html: https://example.org/x.png: would be loaded from the network",
            "index.html: ../up.html: there is no such file in the site",
            "index.html: a.html#gone: the page has no such anchor",
            "index.html: absent.html: there is no such file in the site",
            "s.css: absent.png: there is no such file in the site",
        ])
        self.assertIn("https://example.org/x", external)

    def test_the_navigation_has_every_page(self):
        listed, others = tree.navigation()
        self.assertEqual(sorted([*listed, *others, "README.md"]), sorted(tree.markdown_pages()))
        self.assertLess(listed.index("docs/architecture.md"), listed.index("docs/derivations.md"))
        self.assertEqual(others, [], 'README.md has no links to these pages in "Where to read on", from which the '
                                     "site's navigation is made")

    def test_what_is_no_installed_header_is_shown_as_text(self):
        self.assertEqual(tree.site_file("engine/tensor.h"), "api/engine/tensor.html")
        self.assertEqual(tree.site_file("engine/tensor.cpp"), "code/engine/tensor.cpp.html")
        self.assertEqual(tree.site_file("engine/backends/cpu/backend.h"), "code/engine/backends/cpu/backend.h.html")
        self.assertEqual(tree.site_file("experiments/report/runs.h"), "code/experiments/report/runs.h.html")
        self.assertEqual(tree.site_file("README.md"), "index.html")


if __name__ == "__main__":
    unittest.main()
