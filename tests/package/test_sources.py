"""What the contracts in pyproject.toml cannot say about bin/, and what no file of the project may contain."""

import ast
import re
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from tests.conftest import ROOT

BIN = ROOT / "bin"
FILES = sorted(BIN.rglob("*.py"))


def module_of(file: Path) -> str:
    """The module's dotted name: "segment_bridge.users.run", "write_key"."""
    return ".".join(file.relative_to(BIN).with_suffix("").parts)


def imports(file: Path) -> Iterator[str]:
    """The dotted names that a file imports: "segment_bridge.errors", "json"."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "%s: imports are absolute" % file
            yield from ("%s.%s" % (node.module, alias.name) for alias in node.names)


def test_entry_points_import_no_library():
    """They are outside the package that the contracts in pyproject.toml cover."""
    for file in BIN.glob("*.py"):
        tops = {name.partition(".")[0] for name in imports(file)}
        assert not tops & {"certifi", "kubernetes", "requests", "splunklib", "urllib3", "yaml"}, file.name


def test_imports_have_no_cycles():
    modules = {module_of(file): file for file in FILES}
    graph = {}
    for module, file in modules.items():
        # from segment_bridge.users import run: a module; from segment_bridge.users.run import run: a name in a module
        named = {name if name in modules else name.rpartition(".")[0] for name in imports(file)}
        graph[module] = named & modules.keys()
    assert sum(map(len, graph.values())) > len(modules)

    done = set()

    def walk(module, path):
        assert module not in path, " imports ".join([*path, module])
        if module not in done:
            for other in graph[module]:
                walk(other, [*path, module])
            done.add(module)

    for module in graph:
        walk(module, [])


PURE = re.compile(r"\bpure\b")


def test_pure_modules_are_pure():
    """The contract "Pure modules use nothing outside" checks imports. This checks calls, of open and the like."""
    config = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contract = config.partition('name = "Pure modules use nothing outside"')[2].partition("forbidden_modules")[0]
    held = set(re.findall(r'"(segment_bridge[\w.]+)"', contract))
    for file in FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if PURE.search(ast.get_docstring(tree) or ""):
            assert module_of(file) in held, "%s calls itself pure: name it in the contract" % module_of(file)
        if module_of(file) in held:
            calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "id")}
            assert not calls & {"open", "print", "input", "exec", "eval"}, module_of(file)


def test_only_one_file_changes_the_path():
    touching = {str(file.relative_to(BIN)) for file in FILES if "sys.path" in file.read_text(encoding="utf-8")}
    assert touching == {"segment_bridge/__init__.py"}


# --- The whole repository -------------------------------------------------------------------------------------------

SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bsgp_[A-Za-z0-9]{40,}"
    r"|\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"
    r"|(?i:(?:password|token|secret|write_?key)[\"']?\s*[:=]\s*[\"'](?!fake|demo|/services)[A-Za-z0-9+/_-]{32,}[\"'])"
    r"|https?://(?!user(?:name)?:|secret:secret@)[^/\s:@\"']+:[^/\s:@\"']+@"
)
"""Private keys, cloud and chat tokens, JWTs, long values called secrets, passwords in addresses; not those declared
fake.
"""


def texts(folder: Path, names) -> Iterator[tuple]:
    for name in names:
        content = (folder / name).read_bytes()
        if b"\0" not in content:
            yield name, content.decode("utf-8")


def secrets_in(folder: Path, names):
    return [(name, found.group()[:60]) for name, text in texts(folder, names) for found in SECRET.finditer(text)]


def test_no_secret_is_in_the_package(app):
    files = [str(path.relative_to(app)) for path in app.rglob("*") if path.is_file()]
    assert secrets_in(app, files) == []


def test_no_secret_is_in_the_repository():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("these sources have no git repository")
    found = secrets_in(ROOT, [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()])
    assert found == []
