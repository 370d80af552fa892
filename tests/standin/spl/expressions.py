"""The eval expression language: turns text into a function from rows to values.

Precedence, from low to high: XOR, OR, AND, NOT, comparisons, concatenation and + -, * / %, unary. A name without quotes
or in single quotes is a field; double quotes hold a text.

Relies on: Search Reference, "eval" (Usage).
"""

import re
from functools import lru_cache
from operator import methodcaller
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Set, Tuple, Union

from ..values import Decimals, Row, SplError, number
from . import functions
from .functions.registry import AnyHost, Argument, Evaluate, HostWanted
from .host import Host
from .operators import arithmetic, comparison, comparison_with_text, conjunction, disjunction, exclusion, negation

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<field>'(?:[^'\\]|\\.)*')
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w]))
  | (?P<op><=|>=|!=|==|[-+*/%.,()=<>!])
  | (?P<word>[A-Za-z_0-9][\w:{}@$]*)
""",
    re.X | re.S,
)


class Token(NamedTuple):
    kind: str
    value: str
    at: int


def compiled(source: str, host: Host) -> Evaluate:
    """An expression as a function of a row.

    Raises:
        SplError: it is malformed, or has an unknown function.
    """
    found = of_any_search(source, host.others) or host.expressions.get(source)
    if found is None:
        found = host.expressions[source] = _Parser(source, host).whole()
    return found


@lru_cache(maxsize=5_000)
def of_any_search(source: str, others: FrozenSet[str] = frozenset()) -> Optional[Evaluate]:
    """The compiled expression if it means the same in every search with these choices, else None."""
    try:
        return _Parser(source, AnyHost(others)).whole()
    except HostWanted:
        return None


@lru_cache(maxsize=5_000)
def _tokens(source: str) -> Tuple[Token, ...]:
    found, at = [], 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if not match:
            raise SplError("The expression is malformed. An unexpected character is reached at '%s'." % source[at:])
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return tuple(found)


def _sign(token: Token) -> str:
    return token.value.upper() if token.kind in ("op", "word") else ""


def unquoted(literal: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", literal[1:-1]) if "\\" in literal else literal[1:-1]


class Typed(NamedTuple):
    """A part of an expression, with the type that is known without a row: string, number, null, or "" for unknown; and
    whether its value `is_fixed`, the same for all rows.
    """

    evaluate: Evaluate
    kind: str = ""
    is_fixed: bool = False


class _Parser:
    def __init__(self, source: str, host: Union[Host, AnyHost]):
        self.source, self.host, self.tokens, self.index = source, host, _tokens(source), 0
        self.signs = [*map(_sign, self.tokens), ""]
        """What each token is as an operator, a keyword or a parenthesis; "" after the last one."""
        self.fields: Set[str] = set()

    def whole(self) -> Evaluate:
        if not self.tokens:
            raise SplError("The expression is malformed. An expression is expected.")
        result = self.expression()
        if self.index < len(self.tokens):
            raise self.malformed()
        return result.evaluate

    def rest(self) -> str:
        return self.source[self.tokens[self.index].at :].strip() if self.index < len(self.tokens) else ""

    def malformed(self, expected: str = ") or an operator") -> SplError:
        return SplError(
            "The expression is malformed. Expected %s%s."
            % (expected, " at '%s'" % self.rest() if self.rest() else ", and the expression ends")
        )

    def peek(self, *values: str) -> bool:
        return self.signs[self.index] in values

    def take(self, *values: str) -> Optional[str]:
        sign = self.signs[self.index]
        if sign not in values:
            return None
        self.index += 1
        return sign

    def expression(self) -> Typed:
        if self.signs[self.index + 1 : self.index + 2] in _ENDS and self.signs[self.index] not in (
            "NOT",
            "!",
            "-",
            "+",
        ):
            return self.primary()  # a field or a literal alone, as most expressions are
        return self.operations(_LOGICAL, self.negation)

    def sum(self) -> Typed:
        return self.operations(_ARITHMETICAL, self.unary)

    def operations(self, binding: Dict[str, int], operand: Callable[[], Typed], least: int = 1) -> Typed:
        """Operators from left to right, those that bind tighter first; none that binds less than `least`."""
        left = operand()
        while True:
            operator = self.signs[self.index]
            tightness = binding.get(operator, 0)
            if tightness < least:
                return left
            self.index += 1
            left = _combined(operator, left, self.operations(binding, operand, tightness + 1))

    def negation(self) -> Typed:
        return Typed(negation(self.negation().evaluate)) if self.take("NOT", "!") else self.comparison()

    def comparison(self) -> Typed:
        start = self.index
        left = self.sum()
        while True:
            if self.take("LIKE"):
                left = self.called("like", [self.argument(left, start), self.argument_of(self.sum)])
            elif self.peek("IN") and self.following() == "(":
                one = self.argument(left, start)
                self.index += 2
                left = self.called("in", [one, *self.arguments()])
            else:
                operator = self.take("=", "==", "!=", "<", ">", "<=", ">=")
                if not operator:
                    return left
                at = self.index
                right = self.sum()
                if "null" in (left.kind, right.kind) and {left.kind, right.kind} & {"string", "number"}:
                    raise _type_error("The '%s' operator received different types" % operator)
                other = self.argument(right, at)
                left = Typed(
                    comparison_with_text(operator, left.evaluate, other.evaluate({}))
                    if other.is_plain_text
                    else comparison(operator, left.evaluate, right.evaluate)
                )

    def unary(self) -> Typed:
        if self.take("-"):
            inner = self.unary()
            return _combined("-", Typed(lambda row: 0, "number", True), inner)
        self.take("+")
        return self.primary()

    def following(self) -> str:
        return self.tokens[self.index + 1].value if self.index + 1 < len(self.tokens) else ""

    def primary(self) -> Typed:
        if self.index >= len(self.tokens):
            raise self.malformed("a value")
        token = self.tokens[self.index]
        if token.kind == "op" and token.value != "(":
            raise self.malformed("a value")
        self.index += 1
        if token.kind == "string":
            literal = unquoted(token.value)
            return Typed(lambda row: literal, "string", True)
        if token.kind == "number":
            amount = _literal_number(token.value)
            return Typed(lambda row: amount, "number", True)
        if token.kind == "field":
            return self.read(token.value[1:-1].replace("\\'", "'"))
        if token.kind == "word":
            if self.take("("):
                return self.called(token.value, self.arguments(), token.at)
            return self.read(token.value)
        inner = self.expression()
        if not self.take(")"):
            raise self.malformed(")")
        return inner

    def called(self, name: str, arguments: List[Argument], at: Optional[int] = None) -> Typed:
        try:
            evaluate = functions.call(name.lower(), arguments, self.host)
        except SplError as error:
            if at is None or " (at '" in str(error):
                raise
            raise SplError("%s (at '%s')" % (error, _excerpt(self.source[at:]))) from None
        kind = "null" if name.lower() == "null" else ""
        return _part(evaluate, kind, functions.is_steady(name.lower()) and all(each.is_fixed for each in arguments))

    def read(self, name: str) -> Typed:
        self.fields.add(name)
        return Typed(methodcaller("get", name))

    def arguments(self) -> List[Argument]:
        """The arguments up to the closing parenthesis."""
        found: List[Argument] = []
        if self.take(")"):
            return found
        while True:
            found.append(self.argument_of(self.expression))
            if self.take(")"):
                return found
            if not self.take(","):
                raise self.malformed(")")

    def argument_of(self, parse: Callable[[], Typed]) -> Argument:
        outer, self.fields, start = self.fields, set(), self.index
        part = parse()
        fields = frozenset(self.fields)
        self.fields = outer | fields
        return self.argument(part, start, fields)

    def argument(self, part: Typed, start: int, fields: FrozenSet[str] = frozenset()) -> Argument:
        is_literal = self.index - start == 1 and part.kind in ("string", "number")
        return Argument(part.evaluate, part.kind, is_literal, fields, part.is_fixed)


def _literal_number(source: str) -> float:
    amount = number(source)
    decimals = len(source.partition(".")[2]) if re.fullmatch(r"\d*\.\d+", source) else 0
    return Decimals.of(amount, decimals) if decimals else amount


_LOGICAL = {"XOR": 1, "OR": 2, "AND": 3}
_ARITHMETICAL = {**dict.fromkeys("+-.", 1), **dict.fromkeys("*/%", 2)}
_ENDS = ([""], [","], [")"])
_LOGIC = {"XOR": exclusion, "OR": disjunction, "AND": conjunction}


def _combined(operator: str, left: Typed, right: Typed) -> Typed:
    """Combines an operator's two operands, if their types, as far as they are known, fit it."""
    if operator in _LOGIC:
        return Typed(_LOGIC[operator](left.evaluate, right.evaluate))
    kinds = {left.kind, right.kind}
    if operator == "." and "null" in kinds:
        raise _type_error("The '.' operator only takes strings and numbers")
    if operator == "+" and ("null" in kinds or kinds == {"string", "number"}):
        raise _type_error("'+' only takes two strings or two numbers")
    if operator in "-*/%" and kinds & {"string", "null"}:
        raise _type_error("'%s' only takes numbers" % operator)
    is_text = operator == "." or (operator == "+" and "string" in kinds)
    return _part(
        arithmetic(operator, left.evaluate, right.evaluate),
        "string" if is_text else ("" if operator == "+" and "" in kinds else "number"),
        left.is_fixed and right.is_fixed,
    )


def _part(evaluate: Evaluate, kind: str, is_fixed: bool) -> Typed:
    return Typed(_once(evaluate) if is_fixed else evaluate, kind, is_fixed)


def _once(evaluate: Evaluate) -> Evaluate:
    """Evaluates what has the same value for all rows with the first of them."""
    known: List[Any] = []

    def first(row: Row) -> Any:
        if not known:
            known.append(evaluate(row))
        return known[0]

    return first


def _type_error(says: str) -> SplError:
    return SplError("Type checking failed. %s." % says)


def _excerpt(source: str) -> str:
    """The beginning of a text, to show where something is."""
    line = " ".join(source.split())
    return line if len(line) <= 40 else line[:37] + "..."
