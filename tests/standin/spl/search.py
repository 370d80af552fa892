"""The search command's expression: which indexes and times are read, and which rows stay.

A term without a field is looked for in _raw: its words at the segment boundaries of segmenters.conf, in any case, an
asterisk standing for any characters of a segment. A comparison is one of field values: numbers as numbers, texts in any
case and with asterisks. AND is implied; OR binds tighter than AND.

Relies on: Search Reference, "search"; Search Manual, "Use CASE() and TERM() to match phrases".
"""
import re
from typing import Callable, Dict, List, NamedTuple, Optional

from ..clock import Clock
from ..values import Row, SplError, as_list, number, text
from .registry import unquote

_TOKEN = re.compile(r'''
    (?P<space>\s+)
  | (?P<paren>[()])
  | (?P<comma>,)
  | (?P<wrapped>(?:TERM|CASE)\((?:[^()"]|"(?:[^"\\]|\\.)*")*\))
  | (?P<comparison>(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"'()=<>!,]+)\s*(?:!=|<=|>=|=|<|>)\s*(?:"(?:[^"\\]|\\.)*"|[^\s()",]+))
  | (?P<in>[^\s"'()=<>!,]+\s+(?:NOT\s+)?IN\s*\()
  | (?P<quoted>"(?:[^"\\]|\\.)*")
  | (?P<word>[^\s()",]+)
''', re.X | re.S)
_COMPARISON = re.compile(r'''("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"'()=<>!,]+)\s*(!=|<=|>=|=|<|>)\s*(.*)\Z''', re.S)
# segmenters.conf [default] MAJOR and MINOR, single characters
_BREAKER = r"\[\]<>(){}|!;,'\"*\n\r\s&?+/:=@.\-$\#%\\_"
_MAJOR = r"\[\]<>(){}|!;,'\"*\n\r\s&?+"
Predicate = Callable[[Row], bool]


class Search(NamedTuple):
    """What a search expression says."""

    indexes: List[str]
    earliest: Optional[float]
    latest: Optional[float]
    matches: Predicate


def parse(source: str, clock: Clock) -> Search:
    """Reads a search expression.

    Raises:
        SplError: it is malformed.
    """
    parser = _Parser(source, clock)
    matches = parser.whole()
    return Search(parser.indexes, parser.earliest, parser.latest, matches)


class _Parser:
    def __init__(self, source: str, clock: Clock):
        self.clock = clock
        self.indexes: List[str] = []
        self.earliest: Optional[float] = None
        self.latest: Optional[float] = None
        self.tokens, at = [], 0
        while at < len(source):
            match = _TOKEN.match(source, at)
            if not match:
                raise SplError("Error in 'search' command: Unable to parse the search: unbalanced quotes or parentheses "
                               "at '%s'." % source[at:at + 40])
            if match.lastgroup != "space":
                self.tokens.append((match.lastgroup, match.group()))
            at = match.end()
        self.index = 0

    def whole(self) -> Predicate:
        if not self.tokens:
            return lambda row: True
        result = self.conjunction()
        if self.index < len(self.tokens):
            raise SplError("Error in 'search' command: Unable to parse the search: unbalanced parentheses.")
        return result

    def peek(self) -> tuple:
        return self.tokens[self.index] if self.index < len(self.tokens) else ("end", "")

    def take(self) -> tuple:
        self.index += 1
        return self.tokens[self.index - 1]

    def conjunction(self) -> Predicate:
        parts = [self.disjunction()]
        while self.peek() not in (("end", ""), ("paren", ")")):
            if self.peek() == ("word", "AND"):
                self.take()
            parts.append(self.disjunction())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def disjunction(self) -> Predicate:
        parts = [self.negation()]
        while self.peek() == ("word", "OR"):
            self.take()
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def negation(self) -> Predicate:
        if self.peek() == ("word", "NOT"):
            self.take()
            inner = self.negation()
            return lambda row: not inner(row)
        return self.term()

    def term(self) -> Predicate:
        kind, token = self.peek()
        if kind in ("end", "comma") or token == ")":
            raise SplError("Error in 'search' command: Unable to parse the search: a term is missing.")
        self.take()
        if token == "(":
            inner = self.conjunction()
            if self.peek() != ("paren", ")"):
                raise SplError("Error in 'search' command: Unable to parse the search: unbalanced parentheses.")
            self.take()
            return inner
        if kind == "comparison":
            return self.comparison(*_COMPARISON.match(token).groups())
        if kind == "in":
            return self.choice(token)
        if kind == "wrapped":
            return _term(unquote(token[5:-1].strip()), case=token.startswith("CASE"))
        return _words(unquote(token))

    def choice(self, token: str) -> Predicate:
        field = unquote(token.split()[0])
        choices = []
        while True:
            kind, value = self.take() if self.index < len(self.tokens) else ("end", "")
            if value == ")" and kind == "paren":
                break
            if kind == "end":
                raise SplError("Error in 'search' command: Unable to parse the search: unbalanced parentheses.")
            if kind != "comma":
                choices.append(self.comparison(field, "=", value))
        negated = re.search(r"\sNOT\s+IN", token) is not None
        return lambda row: any(choice(row) for choice in choices) != negated

    def comparison(self, field: str, operator: str, value: str) -> Predicate:
        name, wanted = unquote(field), unquote(value)
        if name in ("earliest", "latest") and operator == "=":
            setattr(self, name, self.clock.modified(wanted))
            return lambda row: True
        if name in ("earliest", "latest", "_index_earliest", "_index_latest", "splunk_server_group"):
            raise SplError("Error in 'search' command: %s%s is not known here." % (name, operator))
        if name == "index" and operator == "=":
            self.indexes.append(wanted)
        return _field_is(name, operator, wanted)


def _field_is(name: str, operator: str, wanted: str) -> Predicate:
    if operator in ("=", "!="):
        amount = number(wanted)
        expression = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.S | re.I)

        def equal(value) -> bool:
            return (amount is not None and number(value) == amount) or expression.fullmatch(text(value)) is not None
        if operator == "=":
            return lambda row: any(equal(value) for value in as_list(row.get(name)))
        return lambda row: name in row and any(not equal(value) for value in as_list(row[name]))

    def ordered(value) -> bool:
        one, other = number(value), number(wanted)
        if one is None or other is None:
            one, other = text(value), wanted
        return {"<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other}[operator]
    return lambda row: any(ordered(value) for value in as_list(row.get(name)))


def _words(phrase: str) -> Predicate:
    """A word or a phrase, between breakers of either kind."""
    if set(phrase) <= {"*"}:
        return lambda row: True
    inside = "[^%s]*" % _MAJOR
    body = inside.join(map(re.escape, phrase.split("*")))
    before = "" if phrase.startswith("*") or re.match("[%s]" % _BREAKER, phrase[0]) else "(?:^|(?<=[%s]))" % _BREAKER
    after = "" if phrase.endswith("*") or re.match("[%s]" % _BREAKER, phrase[-1]) else "(?=[%s]|\\Z)" % _BREAKER
    expression = re.compile(before + body + after, re.I)
    lowered = max(phrase.lower().split("*"), key=len)
    return lambda row: lowered in _lowered(row) and expression.search(text(row.get("_raw", ""))) is not None


_last_raw: Dict[str, str] = {}


def _lowered(row: Row) -> str:
    """_raw in lower case, made once an event."""
    raw = text(row.get("_raw", ""))
    if raw not in _last_raw:
        _last_raw.clear()
        _last_raw[raw] = raw.lower()
    return _last_raw[raw]


def _term(term: str, case: bool) -> Predicate:
    """TERM(): a whole segment between major breakers; CASE(): in this case."""
    expression = re.compile("(?:^|(?<=[%s]))%s(?=[%s]|\\Z)" % (
        _BREAKER if case else _MAJOR, ".*".join(map(re.escape, term.split("*"))), _BREAKER if case else _MAJOR),
        0 if case else re.I)
    return lambda row: expression.search(text(row.get("_raw", ""))) is not None
