"""The search command's expression: which indexes and times to read, and which rows to keep.

A term without a field is looked for in _raw: its words at the segment boundaries of segmenters.conf, in any case, where
an asterisk stands for any characters of a segment. A comparison with = or != compares texts, in any case and with
asterisks ("1" is not "1.0"), or an address with a subnet; one with < or > compares numbers, else texts. AND is implied,
and OR binds tighter than AND.

Relies on: Search Reference, "search"; Search Manual, "Use CASE() and TERM() to match phrases", "Boolean expressions";
segmenters.conf.
"""

import re
from functools import lru_cache
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from ..clock import Clock
from ..values import Row, SplError, as_list, number, text
from .functions.comparison import in_network
from .registry import unquote

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_NAME = r"""(?:%s|'(?:[^'\\]|\\.)*'|[^\s"'()=<>!,]+)""" % _QUOTED
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<paren>[()])
  | (?P<comma>,)
  | (?P<wrapped>(?:TERM|CASE)\((?:[^()"]|%(quoted)s)*\))
  | (?P<comparison>%(name)s\s*(?:!=|<=|>=|=|<|>)\s*(?:%(quoted)s|(?:TERM|CASE)\((?:[^()"]|%(quoted)s)*\)|[^\s()",]+))
  | (?P<in>%(name)s\s+(?:NOT\s+)?IN\s*\()
  | (?P<quoted>%(quoted)s)
  | (?P<word>[^\s()",]+)
"""
    % {"quoted": _QUOTED, "name": _NAME},
    re.X | re.S,
)
_COMPARISON = re.compile(r"(%s)\s*(!=|<=|>=|=|<|>)\s*(.*)\Z" % _NAME, re.S)
_WRAPPED = re.compile(r"(?:TERM|CASE)\((.*)\)\Z", re.S)
# segmenters.conf [default] MAJOR and MINOR, single characters
_BREAKER = r"\[\]<>(){}|!;,'\"*\n\r\s&?+/:=@.\-$\#%\\_"
_MAJOR = r"\[\]<>(){}|!;,'\"*\n\r\s&?+"
Predicate = Callable[[Row], bool]
_TIMES = ("earliest", "latest", "_index_earliest", "_index_latest")
UNKNOWN = (
    "starttime",
    "endtime",
    "timeformat",
    "savedsearch",
    "eventtype",
    "tag",
    "eventtypetag",
    "hosttag",
    "daysago",
    "hoursago",
    "minutesago",
    "splunk_server_group",
)
"""For these the search command has a special meaning, beyond that of a field's name."""
_RAW = frozenset(("_raw",))
INDEXED = frozenset(
    (
        "_raw",
        "_time",
        "_indextime",
        "_cd",
        "_bkt",
        "index",
        "host",
        "source",
        "sourcetype",
        "splunk_server",
        "linecount",
    )
)
"""The fields that an event has before any are extracted from its text."""


class Term(NamedTuple):
    """A part of the expression."""

    holds: Predicate
    fields: frozenset = frozenset()
    """The fields that it reads."""


class Search(NamedTuple):
    """A parsed search expression. Times are epoch seconds, and None is no bound. Index time bounds narrow a search's
    time range instead of replacing it: Search Reference, "Time modifiers".
    """

    indexes: List[str]
    earliest: Optional[float]
    latest: Optional[float]
    index_earliest: Optional[float]
    index_latest: Optional[float]
    terms: List[Term]
    """All of them must hold."""

    @property
    def matches(self) -> Predicate:
        return _all(self.terms).holds


def parse(source: str, clock: Clock) -> Search:
    """Parses a search expression.

    Raises:
        SplError: it is malformed.
    """
    parser = _Parser(source, clock)
    terms = parser.whole()
    return Search(parser.indexes, *(parser.bounds[name] for name in _TIMES), terms)


def _error(says: str) -> SplError:
    return SplError("Error in 'search' command: Unable to parse the search: %s" % says)


class _Parser:
    def __init__(self, source: str, clock: Clock):
        self.source, self.clock = source, clock
        self.indexes: List[str] = []
        self.bounds: Dict[str, Optional[float]] = dict.fromkeys(_TIMES)
        self.tokens: List[Tuple[str, str, int]] = []
        at = 0
        while at < len(source):
            match = _TOKEN.match(source, at)
            if not match:
                raise _error("unbalanced quotes at '%s'." % source[at : at + 40])
            if match.lastgroup != "space":
                self.tokens.append((str(match.lastgroup), match.group(), at))
            at = match.end()
        self.index = 0

    def whole(self) -> List[Term]:
        if not self.tokens:
            return []
        terms = self.conjunction()
        if self.index < len(self.tokens):
            raise _error("unbalanced parentheses at '%s'." % self.source[self.tokens[self.index][2] :])
        return terms

    def peek(self) -> Tuple[str, str]:
        return self.tokens[self.index][:2] if self.index < len(self.tokens) else ("end", "")

    def conjunction(self) -> List[Term]:
        terms = self.disjunction()
        while self.peek() not in (("end", ""), ("paren", ")")):
            if self.peek() == ("word", "AND"):
                self.index += 1
            terms += self.disjunction()
        return terms

    def disjunction(self) -> List[Term]:
        bounds = dict(self.bounds)
        parts = [self.negation()]
        while self.peek() == ("word", "OR"):
            self.index += 1
            parts.append(self.negation())
        if len(parts) == 1:
            return parts[0]
        self.check_bounds(bounds)
        tests = [_all(part).holds for part in parts]
        return [Term(lambda row: any(test(row) for test in tests), _fields(term for part in parts for term in part))]

    def check_bounds(self, before: Dict[str, Optional[float]]) -> None:
        """A time bounds everything that is read, so it cannot be part of OR or NOT."""
        for name in _TIMES:
            if self.bounds[name] != before[name]:
                raise SplError("Error in 'search' command: '%s' within OR or NOT is not known here." % name)

    def negation(self) -> List[Term]:
        if self.peek() != ("word", "NOT"):
            return self.term()
        self.index += 1
        bounds, indexes = dict(self.bounds), list(self.indexes)
        inner = _all(self.negation())
        self.check_bounds(bounds)
        self.indexes = indexes  # NOT index=... names no index to read
        return [Term(lambda row: not inner.holds(row), inner.fields)]

    def term(self) -> List[Term]:
        kind, token = self.peek()
        if kind in ("end", "comma") or token in (")", "OR", "AND"):
            raise _error(
                "a term is missing%s."
                % (" at '%s'" % self.source[self.tokens[self.index][2] :] if kind != "end" else " at the end")
            )
        self.index += 1
        if token == "(":
            # A subsearch without results becomes NOT ( ), which nothing matches.
            inner = [] if self.peek() == ("paren", ")") else self.conjunction()
            if self.peek() != ("paren", ")"):
                raise _error("unbalanced parentheses.")
            self.index += 1
            return inner
        if kind == "comparison":
            return self.comparison(*_COMPARISON.match(token).groups())
        if kind == "in":
            return [self.choice(token)]
        if kind == "wrapped":
            return [Term(_term(unquote(token[5:-1].strip()), is_case=token.startswith("CASE")), _RAW)]
        return [Term(_words(unquote(token)), _RAW)]

    def choice(self, token: str) -> Term:
        field = re.match(_NAME, token).group()
        values = []
        while True:
            kind, value = self.peek()
            if kind == "end":
                raise _error("unbalanced parentheses: the list of values after '%s' has no end." % token)
            self.index += 1
            if (kind, value) == ("paren", ")"):
                break
            if kind != "comma":
                values.append(value)
        if not values:
            raise _error("the list of values after '%s' is empty." % token)
        indexes = list(self.indexes)
        choices = [_all(self.comparison(field, "=", value)) for value in values]
        is_negated = re.search(r"\sNOT\s+IN", token[len(field) :]) is not None
        if is_negated:
            self.indexes = indexes
        return Term(lambda row: any(each.holds(row) for each in choices) != is_negated, frozenset((unquote(field),)))

    def comparison(self, field: str, operator: str, value: str) -> List[Term]:
        name, wrapped = unquote(field), _WRAPPED.match(value)
        wanted = unquote(wrapped.group(1).strip() if wrapped else value)
        if name in _TIMES:
            return self.bound(name, operator, wanted)
        if name in UNKNOWN or "::" in name:
            raise SplError("Error in 'search' command: '%s%s%s' is not known here." % (name, operator, value))
        if name == "index" and operator == "=":
            self.indexes.append(wanted)
        return [Term(field_is(name, operator, wanted, bool(wrapped) and value.startswith("CASE")), frozenset((name,)))]

    def bound(self, name: str, operator: str, wanted: str) -> List[Term]:
        if operator != "=":
            raise SplError(
                "Error in 'search' command: '%s%s%s' is not known here: a time is given with =."
                % (name, operator, wanted)
            )
        try:
            self.bounds[name] = self.clock.modified(wanted)
        except SplError as error:
            raise SplError("Error in 'search' command: %s '%s'." % (error, name)) from None
        return []


def _fields(terms) -> frozenset:
    return frozenset().union(*(term.fields for term in terms))


def _all(terms: List[Term]) -> Term:
    if len(terms) == 1:
        return terms[0]
    tests = [term.holds for term in terms]
    return Term(lambda row: all(test(row) for test in tests), _fields(terms))


def field_is(name: str, operator: str, wanted: str, is_case: bool = False) -> Predicate:
    """A comparison of a field. For a multivalue field it holds if it holds for one of the values."""
    if operator in ("=", "!="):
        expression = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.S | (0 if is_case else re.I))
        is_subnet = re.fullmatch(r"[\da-fA-F.:]+/\d{1,3}", wanted) is not None

        @lru_cache(maxsize=100)  # most fields have few values
        def equal(value: str) -> bool:
            return expression.fullmatch(value) is not None or (is_subnet and in_network(wanted, value))

        def holds(row: Row) -> bool:
            value = row.get(name)
            return equal(value) if type(value) is str else any(equal(text(each)) for each in as_list(value))

        if operator == "=":
            return holds
        return lambda row: name in row and any(not equal(text(value)) for value in as_list(row[name]))

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
    return _in_raw(phrase, _BREAKER, _BREAKER, is_case=False)


def _term(term: str, is_case: bool) -> Predicate:
    """TERM(): a whole segment between major breakers. CASE(): matches case."""
    return _in_raw(term, _BREAKER if is_case else _MAJOR, "", is_case)


def _in_raw(phrase: str, breakers: str, free: str, is_case: bool) -> Predicate:
    """Whether the term is in the text between breakers. Both are in lower case if case does not matter.

    An end that is an asterisk, or itself one of the `free` characters, needs no breaker next to it. The longest part
    without an asterisk is looked for first, which is cheap.
    """
    phrase = phrase if is_case else phrase.lower()
    parts = phrase.split("*")
    longest = max(parts, key=len)
    breaks = re.compile("[%s]" % breakers)
    is_free = re.compile("[*%s]" % free)
    starts, ends = not is_free.match(phrase[0]), not is_free.match(phrase[-1])
    pattern = re.compile(
        "".join(
            (
                "(?:^|(?<=[%s]))" % breakers if starts else "",
                ("[^%s]*" % _MAJOR).join(map(re.escape, parts)),
                "(?=[%s]|\\Z)" % breakers if ends else "",
            )
        )
    )

    def is_at(raw: str, start: int) -> bool:
        end = start + len(phrase)
        return (not starts or start == 0 or breaks.match(raw, start - 1) is not None) and (
            not ends or end == len(raw) or breaks.match(raw, end) is not None
        )

    def holds(row: Row) -> bool:
        raw = row.get("_raw")
        if raw is None:
            return False
        raw = text(as_list(raw)[0])
        if not is_case:
            raw = _lowered(raw)
        start = raw.find(longest)
        if start < 0 or len(parts) > 1:
            return start >= 0 and pattern.search(raw) is not None
        while start >= 0 and not is_at(raw, start):
            start = raw.find(longest, start + 1)
        return start >= 0

    return holds


_last: Tuple[str, str] = ("", "")


def _lowered(raw: str) -> str:
    """The text in lower case, computed once per event."""
    global _last
    if _last[0] is not raw:
        _last = (raw, raw.lower())
    return _last[1]
