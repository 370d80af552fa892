"""The eval expression language: text in, a function from row to value out.

Grammar and precedence: Search Reference, "eval" (Usage, "Operators"). A parsed expression is a closure (row) -> value; the
value is None for null, True or False for a predicate, else a Scalar or a list.
"""
import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ..values import SplError, as_list, number, text

Evaluate = Callable[[Dict[str, Any]], Any]

_TOKEN = re.compile(r'''
    (?P<space>\s+)
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<field>'(?:[^'\\]|\\.)*')
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w]))
  | (?P<op><=|>=|!=|==|[-+*/%.,()=<>])
  | (?P<word>[A-Za-z_0-9][\w:{}@$]*)
''', re.X)


class Token(NamedTuple):
    kind: str
    value: str
    at: int


def tokens(source: str) -> List[Token]:
    found, at = [], 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if not match:
            raise SplError("The expression is malformed. An unexpected character is reached at '%s'." % source[at:])
        kind = match.lastgroup
        if kind != "space":
            found.append(Token(kind, match.group(), at))
        at = match.end()
    return found


def unquoted(literal: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", literal[1:-1])


class Parser:
    """Precedence, low to high: OR XOR, AND, NOT, comparisons, concatenation and + -, * / %, unary."""

    def __init__(self, source: str, functions):
        self.source, self.tokens, self.index, self.functions = source, tokens(source), 0, functions

    def whole(self) -> Evaluate:
        result = self.expression()
        if self.index < len(self.tokens):
            raise self.malformed()
        return result

    def malformed(self) -> SplError:
        rest = self.source[self.tokens[self.index].at:] if self.index < len(self.tokens) else ""
        return SplError("The expression is malformed." + (" Expected ) or an operator at '%s'." % rest if rest else ""))

    def peek(self, *values: str) -> bool:
        if self.index >= len(self.tokens):
            return False
        token = self.tokens[self.index]
        return token.kind in ("op", "word") and (token.value.upper() if token.kind == "word" else token.value) in values

    def take(self, *values: str) -> Optional[str]:
        if self.peek(*values):
            self.index += 1
            return self.tokens[self.index - 1].value.upper()
        return None

    def expect(self, value: str) -> None:
        if not self.take(value):
            raise self.malformed()

    def expression(self) -> Evaluate:
        left = self.conjunction()
        while True:
            operator = self.take("OR", "XOR")
            if not operator:
                return left
            right = self.conjunction()
            left = _or(left, right) if operator == "OR" else _xor(left, right)

    def conjunction(self) -> Evaluate:
        left = self.negation()
        while self.take("AND"):
            left = _and(left, self.negation())
        return left

    def negation(self) -> Evaluate:
        if self.take("NOT"):
            inner = self.negation()
            return lambda row: None if (value := inner(row)) is None else not value
        return self.comparison()

    def comparison(self) -> Evaluate:
        left = self.sum()
        while True:
            if self.take("LIKE"):
                left = self.functions.call("like", [left, self.sum()])
            elif self.peek("IN") and self.tokens[self.index + 1].value == "(":
                self.index += 2
                left = self.functions.call("in", [left] + self.arguments())
            else:
                operator = self.take("=", "==", "!=", "<", ">", "<=", ">=")
                if not operator:
                    return left
                left = _compare(operator, left, self.sum())

    def sum(self) -> Evaluate:
        left = self.product()
        while True:
            operator = self.take("+", "-", ".")
            if not operator:
                return left
            left = _arithmetic(operator, left, self.product())

    def product(self) -> Evaluate:
        left = self.unary()
        while True:
            operator = self.take("*", "/", "%")
            if not operator:
                return left
            left = _arithmetic(operator, left, self.unary())

    def unary(self) -> Evaluate:
        if self.take("-"):
            inner = self.unary()
            return lambda row: None if (value := number(inner(row))) is None else -value
        self.take("+")
        return self.primary()

    def primary(self) -> Evaluate:
        if self.index >= len(self.tokens):
            raise self.malformed()
        token = self.tokens[self.index]
        self.index += 1
        if token.kind == "string":
            literal = unquoted(token.value)
            return lambda row: literal
        if token.kind == "number":
            amount = number(token.value)
            return lambda row: amount
        if token.kind == "field":
            return _field(token.value[1:-1].replace("\\'", "'"))
        if token.kind == "word":
            if self.take("("):
                return self.functions.call(token.value, self.arguments())
            return _field(token.value)
        if token.value == "(":
            inner = self.expression()
            self.expect(")")
            return inner
        raise self.malformed()

    def arguments(self) -> List[Evaluate]:
        found: List[Evaluate] = []
        if self.take(")"):
            return found
        while True:
            found.append(self.expression())
            if self.take(")"):
                return found
            self.expect(",")


def _field(name: str) -> Evaluate:
    read = lambda row: row.get(name)  # noqa: E731
    read.field = name
    return read


def truth(value: Any) -> Optional[bool]:
    """A predicate's value; anything else is no predicate."""
    if value is None or isinstance(value, bool):
        return value
    raise SplError("The expression is malformed. A predicate is expected, and a value was given.")


def _and(left: Evaluate, right: Evaluate) -> Evaluate:
    def both(row):
        one = truth(left(row))
        if one is False:
            return False
        other = truth(right(row))
        if other is False:
            return False
        return None if one is None or other is None else True
    return both


def _or(left: Evaluate, right: Evaluate) -> Evaluate:
    def either(row):
        one = truth(left(row))
        if one:
            return True
        other = truth(right(row))
        if other:
            return True
        return None if one is None or other is None else False
    return either


def _xor(left: Evaluate, right: Evaluate) -> Evaluate:
    def exactly_one(row):
        one, other = truth(left(row)), truth(right(row))
        return None if one is None or other is None else one != other
    return exactly_one


_ORDER = {
    "=": lambda order: order == 0, "==": lambda order: order == 0, "!=": lambda order: order != 0,
    "<": lambda order: order < 0, ">": lambda order: order > 0,
    "<=": lambda order: order <= 0, ">=": lambda order: order >= 0,
}


def order(one: Any, other: Any) -> int:
    """Numbers if both look like it, else text by code points, case and all."""
    first, second = number(one), number(other)
    if first is None or second is None:
        first, second = text(one), text(other)
    return (first > second) - (first < second)


def _compare(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    holds = _ORDER[operator]

    def compare(row):
        one, other = left(row), right(row)
        if one is None or other is None:
            return None
        if isinstance(one, list) or isinstance(other, list):
            return any(holds(order(a, b)) for a in as_list(one) for b in as_list(other))
        return holds(order(one, other))
    return compare


def _arithmetic(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    def apply(row):
        one, other = left(row), right(row)
        if one is None or other is None or isinstance(one, list) or isinstance(other, list):
            return None
        if operator == ".":
            return text(one) + text(other)
        first, second = number(one), number(other)
        if first is None or second is None:
            return text(one) + text(other) if operator == "+" and isinstance(one, str) and isinstance(other, str) else None
        if operator == "+":
            return first + second
        if operator == "-":
            return first - second
        if operator == "*":
            return first * second
        if not second:
            return None
        if operator == "/":
            return first / second
        return first - second * int(first / second)
    return apply
