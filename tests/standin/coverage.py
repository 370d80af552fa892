"""Lists what the stand-in knows, from its code: `python -m tests.standin.coverage` rewrites COVERAGE.md.

A command's options are those read by its function and by the functions that this one calls.
"""

import ast
import inspect
import sys
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, Set

from .clock import UNITS
from .limits import SHIPPED
from .rest.routing import routes
from .settings import HONOURED, IDLE
from .spl.commands import aggregates, charts
from .spl.functions.registry import FUNCTIONS, MANY
from .spl.registry import COMMANDS, GENERATING
from .spl.search import UNKNOWN
from .spl.timeformat import READABLE, WRITABLE

FILE = Path(__file__).with_name("COVERAGE.md")


def text() -> str:
    """The whole text of the file."""
    sections = [
        ("# What the stand-in for splunkd knows", _INTRODUCTION),
        ("## Commands", _table(("command", "options and clauses"), _commands())),
        ("## Eval functions", _table(("group", "functions (number of arguments)"), _functions())),
        ("## Statistical functions", _statistics()),
        ("## The search command", "Refused because not known: %s." % _listed(UNKNOWN)),
        (
            "## Times",
            "Units of time modifiers: %s. Variables of strftime: %s. Of strptime: %s."
            % (_listed(UNITS), _listed("%" + name for name in WRITABLE), _listed("%" + name for name in READABLE)),
        ),
        ("## Settings of .conf files", _table(("file", "honoured", "without effect here"), _settings())),
        ("## REST endpoints", _table(("path", "methods"), _endpoints())),
    ]
    return "\n".join("%s\n\n%s\n" % section for section in sections)


_INTRODUCTION = """\
Generated from the code by `python -m tests.standin.coverage`; a test checks that it is up to date. The stand-in refuses
whatever is not listed here, and names it. The vectors in `tests/standin/vectors/` show how each item behaves."""


def _settings() -> Iterator[List[str]]:
    for conf in sorted({*HONOURED, *IDLE}):
        yield [conf, *(_listed(sorted(table.get(conf, ()))) for table in (HONOURED, IDLE))]
    yield ["limits", _listed(sorted("[%s] %s" % key for key in SHIPPED)), ""]


def _commands() -> Iterator[List[str]]:
    aliases: Dict[Callable, List[str]] = {}
    for name, command in COMMANDS.items():
        aliases.setdefault(command, []).append(name)
    for command, names in sorted(aliases.items(), key=lambda each: each[1]):
        first = " (first in a search)" if names[0] in GENERATING else ""
        yield [", ".join(map(_code, names)) + first, _listed(sorted(_options(command)))]


def _options(command: Callable) -> Set[str]:
    """The names that a command passes to `options` and `clause`."""
    found: Set[str] = set()
    seen, left = set(), [command]
    while left:
        part = left.pop()
        if part in seen:
            continue
        seen.add(part)
        names = part.__globals__
        for node in ast.walk(ast.parse(inspect.getsource(part))):
            if isinstance(node, ast.Name) and inspect.isfunction(names.get(node.id)):
                left.append(names[node.id])
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                found |= _named(node, names)
    return found


def _named(call: ast.Call, names: Dict[str, object]) -> Set[str]:
    """Options as name=, clauses as NAME."""
    if call.func.attr == "clause":
        return {argument.value for argument in call.args}
    if call.func.attr != "options":
        return set()
    found = set()
    for keyword in call.keywords:
        if keyword.arg is None:  # **{"global": boolean} or **BIN_OPTIONS
            given = keyword.value
            more = names[given.id] if isinstance(given, ast.Name) else map(ast.literal_eval, given.keys)
            found |= {name + "=" for name in more}
        elif keyword.arg != "keep_others":
            found.add(keyword.arg + "=")
    return found


def _functions() -> Iterator[List[str]]:
    groups: Dict[str, List[str]] = {}
    for name, function in sorted(FUNCTIONS.items()):
        title = sys.modules[function.module].__doc__.partition("\n")[0].rstrip(".")
        groups.setdefault(title, []).append("%s (%s)" % (_code(name), _arity(function.low, function.high)))
    for title, names in sorted(groups.items()):
        yield [title, ", ".join(names)]


def _arity(low: int, high: float) -> str:
    return str(low) if high == low else "%d or more" % low if high == MANY else "%d to %d" % (low, high)


def _statistics() -> str:
    percentiles = ("perc95", "p95", "upperperc95", "exactperc95")
    return "For stats, eventstats, streamstats, chart and timechart: %s; %s and the like. For timechart: %s." % (
        _listed(sorted(aggregates.FUNCTIONS)),
        _listed(percentiles),
        _listed(charts.RATES),
    )


def _endpoints() -> Iterator[List[str]]:
    methods: Dict[str, Set[str]] = {}
    for method, path, _ in routes():
        methods.setdefault(path, set()).add(method)
    for path, known in sorted(methods.items()):
        yield [_code("/services/" + path), ", ".join(sorted(known))]


def _table(head: Iterable[str], rows: Iterable[List[str]]) -> str:
    lines = [list(head), ["---"] * len(list(head)), *rows]
    return "\n".join("| %s |" % " | ".join(cell.replace("|", "\\|") for cell in line) for line in lines)


def _code(name: str) -> str:
    return "`%s`" % name


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(_code, names))


def main() -> int:
    FILE.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
