"""The pages of the view "help" are complete, links to and between them work, and they load nothing from elsewhere."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT

ADDRESS = re.compile(r"help\?page=([\w.-]+\w)(?:#([\w-]+))?|helpLink\(\"[^\"]+\", \"([\w-]+)\", \"([\w-]+)\"\)")
"""How the rest of the app links to a page and to a heading in it."""


class Page(HTMLParser):
    """A page's ids, the addresses that it links to, and those that it loads."""

    def __init__(self, file: Path):
        super().__init__()
        self.ids, self.links, self.loaded, self.tags = set(), [], [], set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.add(tag)
        self.ids.update({given["id"]} if "id" in given else ())
        self.links += [given["href"]] if tag == "a" and "href" in given else []
        self.loaded += [given[name] for name in ("src", "href") if tag != "a" and name in given]


@pytest.fixture(scope="module")
def pages(app):
    return {file.name: Page(file) for file in (app / "appserver/static/help").glob("*.html")}


def test_links_between_pages_work(pages):
    broken = [
        (name, link)
        for name, page in pages.items()
        for link in page.links
        for parts in [urlsplit(link)]
        if not parts.scheme
        and (
            (parts.path or name) not in pages
            or (parts.fragment and parts.fragment not in pages[parts.path or name].ids)
        )
    ]
    assert broken == []


def test_what_pages_load_is_in_the_package(pages, app):
    folder = app / "appserver/static/help"
    assert [(name, each) for name, page in pages.items() for each in page.loaded if not (folder / each).is_file()] == []
    assert [name for name, page in pages.items() if page.tags & {"script", "iframe", "style", "form"}] == []


def test_every_pages_menu_lists_all_pages(pages):
    texts = {file.stem.lower() for file in (ROOT / "docs").glob("*.md")} - {"readme"} | {"index"}
    assert {name + ".html" for name in texts} <= set(pages)
    assert [name for name, page in pages.items() if not {text + ".html" for text in texts} <= set(page.links)] == []


def test_pages_that_the_app_links_to_exist(pages, app):
    """Links in alerts, mails, errors and pages."""
    places = [
        path
        for folder in ("bin", "default", "appserver", "README")
        for path in (app / folder).rglob("*")
        if path.suffix in (".py", ".conf", ".xml", ".js", ".spec")
    ]
    named = [
        (path.name, *filter(None, found), "")[:3]
        for path in places
        for found in ADDRESS.findall(path.read_text(encoding="utf-8"))
    ]
    assert len(named) > 10
    assert [
        (place, page, anchor)
        for place, page, anchor in named
        if page + ".html" not in pages or (anchor and anchor not in pages[page + ".html"].ids)
    ] == []


def test_links_into_the_repository_work():
    """Links to what GitHub shows, which the app does not contain."""
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").rglob("*.md")]
    links = [
        (path, link)
        for path in texts
        for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert links
    assert [
        (path.name, link) for path, link in links if not (path.parent / (link.partition("#")[0] or path.name)).exists()
    ] == []


# --- docs/build.py --------------------------------------------------------------------------------------------------


def build(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-s", "-B", folder / "docs/build.py", folder / "pages"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT / "build/markdown")},
    )


@pytest.fixture
def texts(package, tmp_path):
    """A folder with docs/build.py, and a function to write a text."""
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs/build.py", tmp_path / "docs")
    (tmp_path / "app").mkdir()
    (tmp_path / "app/some.spec").write_text("a < b", encoding="utf-8")
    return tmp_path


def write(folder, **texts):
    for name, text in texts.items():
        (folder / "docs" / (name + ".md")).write_text(text, encoding="utf-8")


def test_markdown_becomes_pages(texts):
    write(
        texts,
        README="# Index\n\n[First](first.md#one--two-1) [spec](../app/some.spec) [code](../bin/x.py)",
        first="# A `first` page\n\n## One & two\n\n## One & two\n\n<script>alert(1)</script>\n\n"
        "| a |\n|---|\n| `x \\| y` |\n",
    )
    assert build(texts).stderr == ""
    index, first = ((texts / "pages" / name).read_text(encoding="utf-8") for name in ("index.html", "first.html"))
    assert '<a href="first.html#one--two-1">First</a> <a href="some.spec.html">spec</a> <a>code</a>' in index
    assert '<h2 id="one--two-1">' in first
    assert "<title>A first page - Segment Bridge</title>" in first
    assert "<script>" not in first
    assert "<code>x | y</code>" in first
    assert "<pre><code>a &lt; b</code></pre>" in (texts / "pages/some.spec.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("link", "error"),
    [
        ("[a](nowhere.md)", "docs/first.md: there is no nowhere.md"),
        ("[a](../app/no.spec)", "docs/first.md: there is no ../app/no.spec"),
        ("![a](no.png)", "docs/first.md: there is no no.png"),
        ("[a](#nothing)", "docs/first.md: there is no anchor #nothing"),
        ("[a](README.md#nothing)", "docs/first.md: there is no anchor README.md#nothing"),
    ],
)
def test_a_broken_link_is_an_error(texts, link, error):
    write(texts, README="# Index\n\n[First](first.md)", first="# First\n\n" + link)
    assert (build(texts).returncode, build(texts).stderr.strip()) == (1, error)


def test_a_text_that_the_readme_does_not_link_is_an_error(texts):
    write(texts, README="# Index", first="# First")
    assert build(texts).stderr.strip() == "docs/README.md: no link to first.md"
