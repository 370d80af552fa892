"""The eval expression language: text in, a function from row to value out.

Precedence, low to high: XOR, OR, AND, NOT, comparisons, concatenation and + -, * / %, unary. A name without quotes or in
single quotes is a field, double quotes hold a text.

Relies on: Search Reference, "eval" (Usage).
"""
import re
from typing import Callable, FrozenSet, List, NamedTuple, Optional, Set

from ..values import SplError, number
from . import functions
from .functions.registry import Argument, Evaluate
from .host import Host
from .operators import arithmetic, comparison, conjunction, disjunction, exclusion, negation

_TOKEN = re.compile(r'''
    (?P<space>\s+)
  | (?P<string>"(?:[^"\\]|\\.)*")
  | (?P<field>'(?:[^'\\]|\\.)*')
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w]))
  | (?P<op><=|>=|!=|==|[-+*/%.,()=<>!])
  | (?P<word>[A-Za-z_0-9][\w:{}@$]*)
''', re.X | re.S)


class Token(NamedTuple):
    kind: str
    value: str
    at: int


def compiled(source: str, host: Host) -> Evaluate:
    """An expression as a function of a row.

    Raises:
        SplError: it is malformed, or has a function that there is not.
    """
    return _Parser(source, host).whole()


def _tokens(source: str) -> List[Token]:
    found, at = [], 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if not match:
            raise SplError("The expression is malformed. An unexpected character is reached at '%s'." % source[at:])
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    return found


def unquoted(literal: str) -> str:
    return re.sub(r'\\(["\\])', r"\1", literal[1:-1])


class _Parser:
    def __init__(self, source: str, host: Host):
        self.source, self.host, self.tokens, self.index = source, host, _tokens(source), 0
        self.fields: Set[str] = set()

    def whole(self) -> Evaluate:
        if not self.tokens:
            raise SplError("The expression is malformed. An expression is expected.")
        result = self.expression()
        if self.index < len(self.tokens):
            raise self.malformed()
        return result

    def rest(self) -> str:
        return self.source[self.tokens[self.index].at:].strip() if self.index < len(self.tokens) else ""

    def malformed(self, expected: str = ") or an operator") -> SplError:
        return SplError("The expression is malformed. Expected %s%s." % (
            expected, " at '%s'" % self.rest() if self.rest() else ", and the expression ends"))

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

    def expression(self) -> Evaluate:
        return self.left_to_right(("XOR",), lambda operator, left, right: exclusion(left, right), lambda: (
            self.left_to_right(("OR",), lambda operator, left, right: disjunction(left, right), lambda: (
                self.left_to_right(("AND",), lambda operator, left, right: conjunction(left, right), self.negation)))))

    def left_to_right(self, operators, combine: Callable[[str, Evaluate, Evaluate], Evaluate],
                      operand: Callable[[], Evaluate]) -> Evaluate:
        left = operand()
        while True:
            operator = self.take(*operators)
            if not operator:
                return left
            left = combine(operator, left, operand())

    def negation(self) -> Evaluate:
        return negation(self.negation()) if self.take("NOT", "!") else self.comparison()

    def comparison(self) -> Evaluate:
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
                left = comparison(operator, left, self.sum())

    def sum(self) -> Evaluate:
        return self.left_to_right(("+", "-", "."), arithmetic, self.product)

    def product(self) -> Evaluate:
        return self.left_to_right(("*", "/", "%"), arithmetic, self.unary)

    def unary(self) -> Evaluate:
        if self.take("-"):
            inner = self.unary()
            return lambda row: None if (value := number(inner(row))) is None else -value
        self.take("+")
        return self.primary()

    def following(self) -> str:
        return self.tokens[self.index + 1].value if self.index + 1 < len(self.tokens) else ""

    def primary(self) -> Evaluate:
        if self.index >= len(self.tokens):
            raise self.malformed("a value")
        token = self.tokens[self.index]
        if token.kind == "op" and token.value != "(":
            raise self.malformed("a value")
        self.index += 1
        if token.kind == "string":
            literal = unquoted(token.value)
            return lambda row: literal
        if token.kind == "number":
            amount = number(token.value)
            return lambda row: amount
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

    def called(self, name: str, arguments: List[Argument], at: Optional[int] = None) -> Evaluate:
        try:
            return functions.call(name.lower(), arguments, self.host)
        except SplError as error:
            if at is None or "\n" in str(error) or " (at '" in str(error):
                raise
            raise SplError("%s (at '%s')" % (error, _excerpt(self.source[at:]))) from None

    def read(self, name: str) -> Evaluate:
        self.fields.add(name)
        return lambda row: row.get(name)

    def arguments(self) -> List[Argument]:
        """Those up to the closing parenthesis."""
        found: List[Argument] = []
        if self.take(")"):
            return found
        while True:
            found.append(self.argument_of(self.expression))
            if self.take(")"):
                return found
            if not self.take(","):
                raise self.malformed(")")

    def argument_of(self, parse: Callable[[], Evaluate]) -> Argument:
        outer, self.fields, start = self.fields, set(), self.index
        evaluate = parse()
        fields = frozenset(self.fields)
        self.fields = outer | fields
        return self.argument(evaluate, start, fields)

    def argument(self, evaluate: Evaluate, start: int, fields: FrozenSet[str] = frozenset()) -> Argument:
        tokens = self.tokens[start:self.index]
        source = self.source[tokens[0].at:tokens[-1].at + len(tokens[-1].value)]
        return Argument(evaluate, source, fields, len(tokens) == 1 and tokens[0].kind == "string")


def _excerpt(source: str) -> str:
    """The beginning of a text, to show where something is."""
    line = " ".join(source.split())
    return line if len(line) <= 40 else line[:37] + "..."


