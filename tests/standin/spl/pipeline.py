"""A search's text as a pipeline of commands: without comments, with macros expanded, cut at the pipes.

Relies on: Search Manual, "Use search macros in searches", "Add comments to searches", "About subsearches";
macros.conf.spec.
"""

import re
from functools import lru_cache
from typing import Callable, Dict, List, NamedTuple, Tuple

from ..values import SplError, text
from .host import Host, Macro

_COMMENT = re.compile(r"```.*?```", re.S)
_MACRO = re.compile(r"`([^`]*)`")
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[|\[\]]', re.S)
_CALL = re.compile(r"\s*([\w:.\- ]+?)\s*(?:\((.*)\))?\s*\Z", re.S)
_ARGUMENT = re.compile(r'"(?:[^"\\]|\\.)*"|[(),]')
_COMMAND = re.compile(r"([A-Za-z_]\w*)(?![\w=.:*'!<>])")
MAX_DEPTH = 100


class Stage(NamedTuple):
    """One command and its arguments, as text."""

    name: str
    arguments: str


def stages(search: str, host: Host) -> List[Stage]:
    """The commands of a search. If it begins without a pipe, the first is the search command.

    Raises:
        SplError: it cannot be read as a pipeline.
    """
    return list(_stages(expanded(_COMMENT.sub(" ", search), host).strip()))


@lru_cache(maxsize=2_000)
def _stages(source: str) -> Tuple[Stage, ...]:
    is_piped = source.startswith("|")
    found = []
    for index, part in enumerate(cut(source[1:] if is_piped else source)):
        part = part.strip()
        match = _COMMAND.match(part)
        if index == 0 and not is_piped and not (match and match.group(1).lower() == "search"):
            found.append(Stage("search", part))
        elif not part:
            raise SplError(
                "Search Parser: Empty pipe segment found: a command is missing %s."
                % ("after '%s |'" % found[-1].name if found else "after the first pipe")
            )
        elif not match:
            raise SplError("Unknown search command '%s'." % part.split()[0])
        else:
            found.append(Stage(match.group(1).lower(), part[match.end() :].strip()))
    return tuple(found)


def expanded(source: str, host: Host, depth: int = 0) -> str:
    """The text with its macros, and those inside them, replaced by their definitions."""
    if depth > MAX_DEPTH:
        raise SplError("Reached maximum recursion depth (%d) while expanding macros." % MAX_DEPTH)
    if source.count("`") % 2:
        raise SplError(
            "Error in 'SearchParser': Missing a closing tick mark for the macro: '%s'."
            % (source[source.rindex("`") :].strip())
        )
    return _MACRO.sub(lambda match: _call(match.group(1), host, depth + 1), source)


def _call(call_text: str, host: Host, depth: int) -> str:
    """The text that a macro's call stands for. Within a search, the same call stands for the same text."""
    if call_text not in host.calls:
        host.calls[call_text] = expanded(_definition(call_text, host), host, depth)
    return host.calls[call_text]


def _definition(call_text: str, host: Host) -> str:
    call = _CALL.match(call_text)
    if not call:
        raise SplError("Error in 'SearchParser': The search macro '%s' is malformed." % call_text)
    name, listed = call.groups()
    values = _arguments(listed) if listed and listed.strip() else []
    macro = host.macro(name, len(values))
    if macro is None:
        raise SplError(
            "Error in 'SearchParser': The search specifies a macro '%s' that cannot be found. Reasons include: the "
            'macro name is misspelled, you do not have "read" permission for the macro, or the macro has not been '
            "shared with this application. Click Settings, Advanced search, Search Macros to view macro information."
            % (name + "(%d)" % len(values) if values else name)
        )
    if len(macro.args) != len(values):
        raise SplError(
            "Error in 'SearchParser': The search macro '%s' has %d arguments in its name and %d in args."
            % (name, len(values), len(macro.args))
        )
    given = dict(zip(macro.args, _named(macro, values)))
    if macro.validation:
        _validate(macro, given, host)
    definition = _filled(macro.definition, given)
    return _evaluated(name, definition, host) if macro.iseval else definition


def _filled(source: str, given: Dict[str, str]) -> str:
    return re.sub(r"\$(\w+)\$", lambda token: given.get(token.group(1), token.group()), source)


def _validate(macro: Macro, given: Dict[str, str], host: Host) -> None:
    """Checks the arguments. The validation sees them both as texts in place of $name$ and as fields
    (splunk-sdk-python's own tests use both). It is a predicate, or returns the error's text or null.
    """
    from .expressions import compiled

    value = compiled(_filled(macro.validation, given), host)(given)
    if value is False or (value is None and _is_predicate(macro.validation)):
        raise SplError("Error in 'SearchParser': %s" % (macro.errormsg or "The macro's arguments are invalid."))
    if isinstance(value, str):
        raise SplError("Error in 'SearchParser': %s" % value)


def _is_predicate(validation: str) -> bool:
    """macros.conf.spec: with an errormsg it is a Boolean expression; validate() and such give a message or null."""
    return not validation.lstrip().startswith(("validate(", "case("))


def _evaluated(name: str, definition: str, host: Host) -> str:
    from .expressions import compiled

    value = compiled(definition, host)({})
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise SplError(
            "Error in 'SearchParser': The definition of macro '%s' is expected to be an eval expression "
            "that returns a string." % name
        )
    return text(value)


def _named(macro: Macro, values: List[str]) -> List[str]:
    """The values in the order of the macro's arguments. Each may be given as name=value."""
    by_name = {name.strip(): value for name, equals, value in (value.partition("=") for value in values) if equals}
    if len(by_name) == len(values) and set(by_name) == set(macro.args):
        return [_bare(by_name[name]) for name in macro.args]
    return [_bare(value) for value in values]


def _bare(value: str) -> str:
    value = value.strip()
    return re.sub(r'\\"', '"', value[1:-1]) if len(value) > 1 and value[0] == value[-1] == '"' else value


def _arguments(listed: str) -> List[str]:
    values, depth, last = [], 0, 0
    for match in _ARGUMENT.finditer(listed):
        sign = match.group()
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and not depth:
            values.append(listed[last : match.start()])
            last = match.end()
    return [*values, listed[last:]]


@lru_cache(maxsize=1_000)
def cut(source: str) -> Tuple[str, ...]:
    """Cuts the text at the pipes that are neither quoted nor in a subsearch."""
    parts, depth, last = [], 0, 0
    for match in _PIECE.finditer(source):
        sign = match.group()
        depth += {"[": 1, "]": -1}.get(sign, 0)
        if sign == "|" and depth == 0:
            parts.append(source[last : match.start()])
            last = match.end()
    return (*parts, source[last:])


def closing(source: str, at: int) -> int:
    """The index of the bracket that closes the one at this index. Quoted ones do not count."""
    depth = 0
    for match in _PIECE.finditer(source, at):
        depth += {"[": 1, "]": -1}.get(match.group(), 0)
        if not depth:
            return match.start()
    raise SplError(
        "Error in 'SearchParser': Missing a closing bracket for the subsearch at '%s'." % source[at : at + 40]
    )


def with_subsearches(source: str, result_of: Callable[[str], str]) -> str:
    """The text with each [subsearch] replaced by its result."""
    if "[" not in source:
        return source
    *texts, rest = _around_subsearches(source)
    return "".join([before + result_of(inner) for before, inner in texts] + [rest])


@lru_cache(maxsize=2_000)
def _around_subsearches(source: str) -> tuple:
    """Each [subsearch], without its brackets, with the text before it; and what comes after the last one."""
    parts, at = [], 0
    while True:
        begin = next((match.start() for match in _PIECE.finditer(source, at) if match.group() == "["), None)
        if begin is None:
            return (*parts, source[at:])
        end = closing(source, begin)
        parts.append((source[at:begin], source[begin + 1 : end]))
        at = end + 1
