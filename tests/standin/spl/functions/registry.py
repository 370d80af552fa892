"""Registers eval functions, and passes them their arguments.

@function("lower", 1)
def lower(value): ...                      receives values; null if an argument is null

@lazy("if", 3)
def if_(arguments, host): ...              receives unevaluated arguments; returns an Evaluate

Only a function that is `hosted` receives the host, and one that `chooses` what the host answers the other way (see
choices), as host.others: expressions without a hosted function mean the same in all searches with the same choices. A
function that is `steady` gives the same value for the same arguments, whatever the row.
"""

import math
from functools import partial
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Union

from ...values import Row, SplError, Value, number
from ..host import Host

Evaluate = Callable[[Row], Any]
"""From a row to its value: None for null, True or False for a predicate, else a Scalar or a list."""
MANY = math.inf


class Argument(NamedTuple):
    """A function's argument: what it evaluates to, and what is known of it without a row."""

    evaluate: Evaluate
    kind: str = ""
    """string, number or null, if known."""
    is_literal: bool = False
    """Whether it is a literal text or number."""
    fields: FrozenSet[str] = frozenset()
    """The fields that it reads."""
    is_fixed: bool = False
    """Whether it has the same value for all rows."""

    @property
    def is_plain_text(self) -> bool:
        """Whether it is a literal text that does not look like a number, so it is compared as a text."""
        return self.is_literal and self.kind == "string" and number(self.evaluate({})) is None


class Function(NamedTuple):
    low: int
    high: float
    build: Callable[[List[Argument], Any], Evaluate]
    module: str
    hosted: bool
    chooses: bool
    steady: bool


FUNCTIONS: Dict[str, Function] = {}


class AnyHost(NamedTuple):
    """Stands for the hosts of all searches with these choices."""

    others: FrozenSet[str]


class HostWanted(Exception):
    """A function needs the search's own host."""


def call(name: str, arguments: List[Argument], host: Union[Host, AnyHost]) -> Evaluate:
    """Calls a function.

    Raises:
        HostWanted
        SplError: there is no such function, or it does not take such arguments.
    """
    found = FUNCTIONS.get(name)
    if found is None:
        raise SplError("The '%s' function is unsupported or undefined." % name)
    if not found.low <= len(arguments) <= found.high:
        raise invalid(name)
    if found.hosted and isinstance(host, AnyHost):
        raise HostWanted
    return found.build(arguments, host if found.hosted or found.chooses else None)


def is_steady(name: str) -> bool:
    return FUNCTIONS[name].steady


def invalid(name: str) -> SplError:
    return SplError("The arguments to the '%s' function are invalid." % name)


def _add(names: str, entry: Function) -> None:
    for name in names.split():
        if name in FUNCTIONS:
            raise ValueError("the function %s is registered twice" % name)
        FUNCTIONS[name] = entry


def lazy(names: str, low: int, high: Optional[float] = None, hosted: bool = False, steady: bool = True):
    """Registers a function that receives its arguments unevaluated. `names` are its name and aliases, by blanks."""

    def register(build: Callable[[List[Argument], Any], Evaluate]):
        _add(names, Function(low, low if high is None else high, build, build.__module__, hosted, False, steady))
        return build

    return register


def function(
    names: str,
    low: int,
    high: Optional[float] = None,
    nulls: bool = False,
    each: bool = False,
    takes: str = "",
    hosted: bool = False,
    chooses: bool = False,
):
    """Registers a function of values. Without `nulls` it is null if an argument is, and refuses null() itself.

    With `each`, it receives the first argument's values one by one; otherwise a multivalue field is a list. A function
    that `takes` text refuses a first argument that is recognisably a number, and one that takes numbers refuses a text
    that is not one; this does not apply to what a field holds. A function that is `hosted` or `chooses` gets `host`.
    """

    def register(implementation: Callable[..., Any]):
        def build(arguments: List[Argument], host: Any) -> Evaluate:
            _check(names.split()[0], arguments, nulls, takes)
            called = partial(implementation, host=host) if hosted or chooses else implementation
            return _caller(called, [argument.evaluate for argument in arguments], nulls, each)

        _add(
            names, Function(low, low if high is None else high, build, implementation.__module__, hosted, chooses, True)
        )
        return implementation

    return register


def _check(name: str, arguments: List[Argument], nulls: bool, takes: str) -> None:
    if not nulls and any(argument.kind == "null" for argument in arguments):
        raise invalid(name)
    if takes == "text" and arguments and arguments[0].kind == "number":
        raise invalid(name)
    if takes == "numbers" and any(
        argument.kind == "string" and (not argument.is_literal or number(argument.evaluate({})) is None)
        for argument in arguments
    ):
        raise invalid(name)


def _caller(implementation: Callable[..., Any], arguments: List[Evaluate], nulls: bool, each: bool) -> Evaluate:
    if nulls:
        return lambda row: implementation(*[argument(row) for argument in arguments])
    if len(arguments) == 1 and not each:
        only = arguments[0]

        def of_one(row: Row) -> Optional[Value]:
            value = only(row)
            return None if value is None else implementation(value)

        return of_one

    def of_several(row: Row) -> Optional[Value]:
        values = [argument(row) for argument in arguments]
        if None in values:
            return None
        if each and type(values[0]) is list:
            found = [implementation(value, *values[1:]) for value in values[0]]
            return [value for value in found if value is not None] or None
        return implementation(*values)

    return of_several
