"""Builds the pages of the view "help" from the Markdown files in docs/: python docs/build.py FOLDER

README.md is the first page. The files that it links to are the others, in that order, except the repository's README.
Each becomes an HTML file that can also be opened by itself. A link to a file in app/ becomes a page that shows the
file. A link to any other file of the repository becomes plain text, because the app does not contain that file. A
missing page or anchor is an error.
"""

import re
import shutil
import sys
from html import escape
from pathlib import Path
from typing import Dict, List, Optional, Tuple
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
FIRST = ROOT / "docs/README.md"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - Segment Bridge</title>
<link rel="stylesheet" href="../help.css">
</head>
<body class="sb-pages">
<nav aria-label="Help">
<ul>
{menu}
</ul>
</nav>
<main>
{content}</main>
</body>
</html>
"""

FILE = """<h1>{title}</h1>
<pre><code>{text}</code></pre>
"""

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
# A table that is wider than the window gets its own scroll bar, which also works by keyboard.
MARKDOWN.add_render_rule("table_open", lambda *_: '<div class="sb-scroll" tabindex="0">\n<table>\n')
MARKDOWN.add_render_rule("table_close", lambda *_: "</table>\n</div>\n")


class Broken(Exception):
    """A broken link, or a page without a link to it."""


class Text:
    """A Markdown file: its tokens, its title, and the anchors of its headings, as GitHub makes them."""

    def __init__(self, path: Path):
        self.path = path
        self.tokens = MARKDOWN.parse(path.read_text(encoding="utf-8"))
        self.anchors: List[str] = []
        self.title = ""
        for opening, inline in zip(self.tokens, self.tokens[1:]):
            if opening.type == "heading_open":
                words = "".join(token.content for token in inline.children or ())
                opening.attrs["id"] = self._anchor(words)
                self.title = self.title or words

    def _anchor(self, words: str) -> str:
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        number = sum(re.fullmatch(re.escape(slug) + r"(-\d+)?", anchor) is not None for anchor in self.anchors)
        self.anchors.append("%s-%d" % (slug, number) if number else slug)
        return self.anchors[-1]

    def links(self) -> List[Tuple[Token, str]]:
        """Each token with an address, and the attribute that contains the address."""
        inlines = [token for parent in self.tokens for token in parent.children or ()]
        return [(token, name) for token in inlines for name in ("href", "src") if name in token.attrs]

    def target(self, address: str) -> Optional[Tuple[Path, str]]:
        """The file and the anchor to which an address leads; None if it leads out of the repository."""
        parts = urlsplit(address)
        if parts.scheme:
            return None
        path = (self.path.parent / unquote(parts.path)).resolve() if parts.path else self.path
        if not path.exists() and {FIRST.parent, ROOT / "app"} & set(path.parents):
            raise Broken("%s: there is no %s" % (self.path.relative_to(ROOT), address))
        return path, parts.fragment


class Site:
    """All pages, by their Markdown files."""

    def __init__(self):
        first = Text(FIRST)
        self.texts: Dict[Path, Text] = {FIRST: first}
        for token, name in first.links():
            found = first.target(str(token.attrs[name]))
            if found and found[0].suffix == ".md" and found[0] != ROOT / "README.md":
                self.texts.setdefault(found[0], Text(found[0]))
        unlisted = sorted(set(FIRST.parent.glob("*.md")) - set(self.texts))
        if unlisted:
            raise Broken("docs/README.md: no link to %s" % ", ".join(path.name for path in unlisted))
        self.files: Dict[str, Path] = {}

    def name(self, path: Path) -> str:
        """The name of the page or picture that a file becomes; "" if it is not part of Help."""
        if path == FIRST:
            return "index.html"
        if path in self.texts:
            return path.stem.lower() + ".html"
        if path.suffix in (".png", ".svg"):
            self.files[path.name] = path
            return path.name
        if ROOT / "app" in path.parents and path.is_file():
            self.files[path.name + ".html"] = path
            return path.name + ".html"
        return ""

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for text in self.texts.values():
            self._resolve(text)
            self._write_page(folder, text.path, text.title, MARKDOWN.renderer.render(text.tokens, MARKDOWN.options, {}))
        for name, path in self.files.items():
            if path.suffix in (".png", ".svg"):
                shutil.copy(path, folder / name)
            else:
                shown = escape(path.read_text(encoding="utf-8"))
                self._write_page(folder, path, path.name, FILE.format(title=path.name, text=shown))

    def _resolve(self, text: Text) -> None:
        for token, attribute in text.links():
            address = str(token.attrs[attribute])
            found = text.target(address)
            if found is None:
                continue
            path, anchor = found
            if anchor and path in self.texts and anchor not in self.texts[path].anchors:
                raise Broken("%s: there is no anchor %s" % (text.path.relative_to(ROOT), address))
            name = self.name(path)
            if name:
                token.attrs[attribute] = name * (path != text.path) + "#" * bool(anchor) + anchor
            else:
                del token.attrs[attribute]

    def _write_page(self, folder: Path, path: Path, title: str, content: str) -> None:
        menu = "\n".join(
            '<li><a href="%s"%s>%s</a></li>'
            % (self.name(text.path), ' aria-current="page"' * (text.path == path), escape(text.title))
            for text in self.texts.values()
        )
        page = PAGE.format(title=escape(title), menu=menu, content=content)
        (folder / self.name(path)).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    try:
        Site().write(Path(sys.argv[1]))
    except Broken as error:
        sys.exit(str(error))
