"""Registers commands, and reads their arguments.

    @command("head")
    def head(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]: ...

The function is called once per search, when the pipeline is built. It should be a plain function that reads its
arguments and returns a generator, so that mistakes in them are reported before anything runs.
"""

import fnmatch
import re
from functools import cached_property, lru_cache
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from ..values import Results, SplError
from .host import Host
from .pipeline import closing

COMMANDS: Dict[str, Callable] = {}
GENERATING, TAKING_SEARCHES, ORDERING = set(), set(), set()
APPENDING = {"inputlookup"}
"""The generating commands that may also come later, if their arguments allow it."""

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PARENTHESES = "(?!)"
for _ in range(12):  # deep enough for any call that a person writes
    _PARENTHESES = r"\((?:[^()\"]|%s|%s)*\)" % (_QUOTED, _PARENTHESES)
_ARGUMENT = re.compile(
    r"""
    \s+
  | (?P<subsearch>\[)
  | (?P<comma>,)
  | (?P<text>(?:%s|'(?:[^'\\]|\\.)*'|%s|[^\s,\[\]"'(]+)+)
"""
    % (_QUOTED, _PARENTHESES),
    re.X,
)


def command(names: str, generating: bool = False, takes_searches: bool = False, orders: bool = False):
    """Registers a command under its name and its aliases, separated by blanks.

    A `generating` command may only come first. A command that `takes_searches` runs the text in brackets itself; for
    the others it is a subsearch, and its result replaces it. A command that `orders` gives the fields an order;
    otherwise they are ordered by name.
    """

    def register(function):
        for name in names.split():
            if name in COMMANDS:
                raise ValueError("the command %s is registered twice" % name)
            COMMANDS[name] = function
            if generating:
                GENERATING.add(name)
            if takes_searches:
                TAKING_SEARCHES.add(name)
            if orders:
                ORDERING.add(name)
        return function

    return register


def not_first(name: str) -> SplError:
    return SplError("Error in '%s' command: This command must be the first command of a search." % name)


class Context(NamedTuple):
    """What a command may use besides its arguments and its input."""

    host: Host
    subsearch: Callable[..., Results]
    """Runs the text in a subsearch's brackets. A second argument overrides maxout of limits.conf."""
    pipeline: Callable[[str, Iterator[Results]], Iterator[Results]]
    """Runs a subpipeline, the text in brackets, on the given rows."""
    wanted: Optional[FrozenSet[str]] = None
    """The only fields that the commands after this one can see, if they are known."""
    is_first: bool = False
    """Whether nothing is read before this command."""


class Arguments:
    """A command's arguments: `source` as written (with macros expanded), and `words`, cut at blanks and commas.

    A word keeps its quotes, and parentheses hold it together. A comma is a word of its own. A subsearch is one word
    that begins with a bracket.
    """

    def __init__(self, name: str, source: str):
        self.name, self.source = name, source

    @cached_property
    def words(self) -> List[str]:
        return list(_words(self.name, self.source))

    def error(self, text: str) -> SplError:
        return SplError("Error in '%s' command: %s" % (self.name, text))

    def options(self, keep_others: bool = False, **kinds: Callable) -> Dict[str, Any]:
        """Removes name=value words from anywhere in `words` and returns their values. `kinds` gives each option's type.

        Raises:
            SplError: a name=value occurs twice, has an impossible value, or is not an option of the command (unless the
                command checks that itself, with `keep_others`).
        """
        found, rest = {}, []
        for word in self._joined():
            name, equals, value = word.partition("=")
            is_option = equals and re.fullmatch(r"[A-Za-z_]\w*", name)
            if not is_option or (keep_others and name.lower() not in kinds):
                rest.append(word)
            elif name.lower() not in kinds:
                raise self.error("Invalid argument: '%s'" % word)
            elif name.lower() in found:
                raise SplError("Error in 'SearchProcessor': Option '%s' should not be specified more than once." % name)
            else:
                found[name.lower()] = self._typed(kinds[name.lower()], name, unquote(value))
        self.words = rest
        return found

    def _typed(self, kind: Callable, name: str, value: str) -> object:
        try:
            return kind(value)
        except (ValueError, KeyError):
            raise SplError(
                "Error in 'SearchProcessor': Invalid option value. Expecting a '%s' for option '%s'. Instead got '%s'."
                % (_KINDS.get(kind, "value"), name, value)
            ) from None

    def _joined(self) -> List[str]:
        """The words, with `name = value` joined."""
        joined: List[str] = []
        for word in self.words:
            if joined and (joined[-1].endswith("=") or word.startswith("=")) and not joined[-1].startswith('"'):
                joined[-1] += word
            else:
                joined.append(word)
        return joined

    def clause(self, *keywords: str) -> Optional[List[str]]:
        """Removes the first of these keywords (in any case) and the words after it, which it returns."""
        for index, word in enumerate(self.words):
            if word.upper() in keywords:
                taken = self.words[index + 1 :]
                del self.words[index:]
                return taken
        return None

    def fields(self, words: Optional[Iterable[str]] = None) -> List[str]:
        """The words as field names, without commas and quotes."""
        return [unquote(word) for word in (self.words if words is None else words) if word != ","]

    def only_word(self, expected: str) -> str:
        """The only remaining word."""
        if len(self.words) != 1:
            raise self.error("Invalid argument: '%s'" % self.words[1] if self.words else expected)
        return self.words[0]

    def nothing(self) -> None:
        """Checks that no words are left."""
        if self.words:
            raise self.error("The argument '%s' is invalid." % self.words[0])


_BOOLEANS = {"true": True, "t": True, "1": True, "yes": True, "false": False, "f": False, "0": False, "no": False}


def boolean(text: str) -> bool:
    return _BOOLEANS[text.lower()]


def natural(text: str) -> int:
    if not re.fullmatch("[0-9]+", text):
        raise ValueError(text)
    return int(text)


_KINDS = {boolean: "boolean", natural: "non-negative integer", int: "integer"}


def unquote(word: str) -> str:
    """The text without the quotes around it, of either kind."""
    if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'":
        return re.sub(r"\\([\"'\\])", r"\1", word[1:-1]) if "\\" in word else word[1:-1]
    return word


@lru_cache(maxsize=1000)
def _wildcard(pattern: str) -> "re.Pattern[str]":
    return re.compile(fnmatch.translate(pattern.replace("[", "[[]").replace("?", "[?]")))


def matching(names: Iterable[str], pattern: str) -> List[str]:
    """The field names that a name, which may contain asterisks, matches."""
    if "*" not in pattern:
        return [pattern] if pattern in names else []
    expression = _wildcard(pattern)
    return [name for name in names if expression.match(name)]


@lru_cache(maxsize=5_000)
def _words(name: str, source: str) -> Tuple[str, ...]:
    words, at = [], 0
    while at < len(source):
        match = _ARGUMENT.match(source, at)
        if not match:
            raise SplError(
                "Error in '%s' command: Mismatched quotes and/or parenthesis at '%s'." % (name, source[at : at + 40])
            )
        at = match.end()
        if match.group("subsearch"):
            end = closing(source, at - 1)
            words.append(source[at - 1 : end + 1])
            at = end + 1
        elif match.group("comma") or match.group("text"):
            words.append(match.group().strip())
    return tuple(words)
