"""A search's text as a pipeline of commands: comments and macros out, cut at the pipes.

Search Manual, "Use search macros in searches", "Add comments to searches"; Search Reference, "Understanding SPL syntax".
"""
import re
from typing import List, NamedTuple

from ..values import SplError
from .host import Host

_COMMENT = re.compile(r"```.*?```", re.S)
_MACRO = re.compile(r"`([^`]*)`")
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[|\[\]]', re.S)
_CALL = re.compile(r"\s*([\w:.\- ]+?)\s*(?:\((.*)\))?\s*\Z", re.S)
MAX_DEPTH = 100


class Stage(NamedTuple):
    """One command and its arguments, as text."""

    name: str
    arguments: str


def stages(search: str, host: Host) -> List[Stage]:
    """The commands of a search. One that begins without a pipe begins with the search command."""
    source = expanded(_COMMENT.sub(" ", search), host).strip()
    generating = source.startswith("|")
    parts = _cut(source[1:] if generating else source)
    found = []
    for index, part in enumerate(parts):
        part = part.strip()
        if not part:
            raise SplError("Search Parser: Empty pipe segment found.")
        name, _, arguments = part.partition(" ")
        match = re.match(r"([A-Za-z_]\w*)(?![\w=.:*\"'()])", part)
        if index == 0 and not generating and not (match and match.group(1).lower() == "search"):
            found.append(Stage("search", part))
        elif not match:
            raise SplError("Unknown search command '%s'." % name)
        else:
            found.append(Stage(match.group(1).lower(), part[match.end():].strip()))
    return found


def expanded(source: str, host: Host, depth: int = 0) -> str:
    """The text with its macros replaced by their definitions, and those in them."""
    if depth > MAX_DEPTH:
        raise SplError("Reached maximum recursion depth (%d) while expanding macros." % MAX_DEPTH)

    def replaced(match):
        call = _CALL.match(match.group(1))
        if not call:
            raise SplError("Error in 'SearchParser': The search macro '%s' is malformed." % match.group(1))
        name, listed = call.group(1), call.group(2)
        values = _arguments(listed) if listed and listed.strip() else []
        macro = host.macro(name, len(values))
        if macro is None:
            raise SplError(
                "Error in 'SearchParser': The search specifies a macro '%s' that cannot be found. Reasons include: the macro "
                "name is misspelled, you do not have \"read\" permission for the macro, or the macro has not been shared with "
                "this application. Click Settings, Advanced search, Search Macros to view macro information." % name)
        given = dict(zip(macro.args, _named(macro, values)))
        definition = re.sub(r"\$(\w+)\$", lambda token: given.get(token.group(1), token.group()), macro.definition)
        if macro.iseval or macro.validation:
            definition = _evaluated(macro, given, definition)
        return expanded(definition, host, depth + 1)
    return _MACRO.sub(replaced, source)


def _evaluated(macro, given, definition):
    from . import functions
    from .expressions import Parser
    if macro.validation:
        filled = re.sub(r"\$(\w+)\$", lambda token: given.get(token.group(1), token.group()), macro.validation)
        if not Parser(filled, functions).whole()(given):
            raise SplError("Error in 'SearchParser': %s" % (macro.errormsg or "The macro's arguments are invalid."))
    return str(Parser(definition, functions).whole()({})) if macro.iseval else definition


def _named(macro, values: List[str]) -> List[str]:
    """Values in the order of the macro's arguments; each may be given as name=value."""
    by_name = {name: value for name, equals, value in (value.partition("=") for value in values) if equals}
    if by_name and set(by_name) <= set(macro.args):
        return [_bare(by_name.get(name, "")) for name in macro.args]
    return [_bare(value) for value in values]


def _bare(value: str) -> str:
    value = value.strip()
    return re.sub(r'\\"', '"', value[1:-1]) if len(value) > 1 and value[0] == value[-1] == '"' else value


def _arguments(listed: str) -> List[str]:
    values, depth, last = [], 0, 0
    for match in re.compile(r'"(?:[^"\\]|\\.)*"|[(),]').finditer(listed):
        sign = match.group()
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and not depth:
            values.append(listed[last:match.start()])
            last = match.end()
    return [*values, listed[last:]]


def _cut(source: str) -> List[str]:
    """At the pipes that are neither quoted nor in a subsearch."""
    parts, depth, last = [], 0, 0
    for match in _PIECE.finditer(source):
        sign = match.group()
        depth += {"[": 1, "]": -1}.get(sign, 0)
        if sign == "|" and depth == 0:
            parts.append(source[last:match.start()])
            last = match.end()
    return [*parts, source[last:]]
