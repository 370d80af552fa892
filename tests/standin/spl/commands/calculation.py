"""eval and where: the commands of the eval expression language.

Relies on: Search Reference, "eval", "where".
"""

import re
from functools import lru_cache
from typing import Any, Callable, Iterator, List, Optional, Tuple, Union

from ...values import Results, Row, SplError, as_list, text
from .. import expressions
from ..registry import Arguments, Context, command, unquote

_PIECES = re.compile(r"""\"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[(),]""")
_ASSIGNMENT = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s=]+)\s*=(?!=)(.*)\Z""", re.S)
_BRACES = re.compile(r"\{([^{}]*)\}")


def compiled(source: str, arguments: Arguments, context: Context) -> Callable[[Row], Any]:
    """An eval expression as a function of a row. An error in it becomes an error of the command."""
    try:
        return expressions.compiled(source, context.host)
    except SplError as error:
        raise arguments.error(str(error)) from None


@command("eval")
def eval_(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    if not arguments.source:
        raise arguments.error("Arguments are missing. Usage: eval dest_key = expression.")
    assignments = [_assignment(part, arguments, context) for part in _at_commas(arguments.source)]

    return (_evaluated(chunk, assignments, arguments) for chunk in chunks)


def _evaluated(chunk: Results, assignments: List["Assignment"], arguments: Arguments) -> Results:
    rows, fields = [], dict.fromkeys(chunk.fields)
    for row in map(dict, chunk.rows):
        for name, expression in assignments:
            value = expression(row)
            if value is True or value is False:
                raise arguments.error(
                    "Fields cannot be assigned a boolean result. Instead, try if([bool expr], [expr], [expr])."
                )
            field = name if type(name) is str else name(row)
            if field is None:
                continue
            if value is None:
                row.pop(field, None)
            else:
                row[field] = value
                fields[field] = None
        rows.append(row)
    return Results(fields, rows)


Name = Union[str, Callable[[Row], Optional[str]]]
Assignment = Tuple[Name, Callable[[Row], Any]]


def _assignment(part: str, arguments: Arguments, context: Context) -> Assignment:
    match = _ASSIGNMENT.match(part)
    if not match or not match.group(2).strip():
        raise arguments.error("Failed to parse the provided arguments. Usage: eval dest_key = expression.")
    return _name(unquote(match.group(1)), arguments), compiled(match.group(2), arguments, context)


def _name(name: str, arguments: Arguments) -> Name:
    """The destination. {field} in it stands for the field's value; if the field is missing, there is no destination."""
    if name.count("{") != name.count("}"):
        raise arguments.error("The destination field is invalid. {} brackets must be closed.")
    fields = _BRACES.findall(name)
    if not fields:
        return name

    def filled(row: Row) -> Optional[str]:
        if any(field not in row for field in fields):
            return None
        found = _BRACES.sub(lambda match: text(as_list(row[match.group(1)])[0]), name)
        if "{" in found:
            raise arguments.error("The destination key is invalid.")
        return found

    return filled


@lru_cache(maxsize=1_000)
def _at_commas(source: str) -> Tuple[str, ...]:
    """Cuts at the commas that are neither quoted nor in parentheses."""
    parts, depth, last = [], 0, 0
    for match in _PIECES.finditer(source):
        sign = match.group()
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and not depth:
            parts.append(source[last : match.start()])
            last = match.end()
    return (*parts, source[last:])


@command("where")
def where(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    condition = compiled(arguments.source, arguments, context)

    def holds(row: Row) -> bool:
        value = condition(row)
        if value is not True and value is not False and value is not None:
            raise arguments.error("The expression is invalid. The result of a 'where' expression must be boolean.")
        return value is True

    return (Results(chunk.fields, filter(holds, chunk.rows)) for chunk in chunks)
