"""The terms of stats and its relatives: functions of fields, their names, and the BY fields.

    count, sum(bytes) AS total, avg(*lay), count(eval(status="404")) AS missing BY host, user

Relies on: Search Reference, "stats" (stats-agg-term, Statistical functions that are not applied to specific fields);
messages.conf, [STATS].
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from ...values import Row, Value, as_list, number, text
from ..registry import Arguments, Context, unquote
from .aggregates import Aggregate, Numeric, aggregate
from .calculation import compiled
from .columns import captured, filled, named

_FUNCTION = re.compile(r"([A-Za-z_][\w.]*)(?:\((.*)\))?\Z", re.S)
_EVAL = re.compile(r"\s*eval\s*\((.*)\)\s*\Z", re.S)


@dataclass(frozen=True)
class Term:
    """One function of a field, of an expression, or (for count) of the row itself."""

    function: str
    make: Callable[[], Aggregate]
    output: str
    field: str = ""
    expression: Optional[Callable[[Row], Any]] = None

    @property
    def has_wildcard(self) -> bool:
        return self.expression is None and "*" in self.field

    def values(self, row: Row) -> List[Any]:
        """The values of a row that the function receives. A condition gives 1 if it holds, else nothing."""
        if self.expression is None:
            return as_list(row.get(self.field)) if self.field else [1]
        value = self.expression(row)
        return ([1] if value else []) if isinstance(value, bool) else as_list(value)

    def expanded(self, fields: Sequence[str], by: Sequence[str]) -> List["Term"]:
        """One term for each field that the wildcard matches, in alphabetical order, but not for BY fields."""
        if not self.has_wildcard:
            return [self]
        return [
            replace(self, field=field, output=filled(self.output, captured(self.field, field)))
            for field in sorted(named(list(fields), [self.field]))
            if field not in by
        ]


Functions = Callable[[str], Optional[Callable[[], Aggregate]]]


def parsed_terms(
    arguments: Arguments, context: Context, invalid: Callable[[str], Exception], functions: Functions = aggregate
) -> List[Term]:
    """Parses all words of the arguments as terms.

    Raises:
        SplError: made by `invalid`, for a word that is not a term.
    """
    terms: List[Term] = []
    sources: Dict[str, str] = {}
    words = [word for word in arguments.words if word != ","]
    while words:
        source = words.pop(0)
        output = None
        if words and words[0].upper() == "AS":
            if len(words) < 2:
                raise arguments.error("You must specify a field name after 'as'.")
            output, words = unquote(words[1]), words[2:]
        term = _term(source, output, arguments, context, functions)
        if term is None:
            raise invalid(source)
        if term.output in sources:
            raise arguments.error(
                "1 duplicate rename field(s). Original renames: [%s AS %s]. Duplicate renames: [%s AS %s]."
                % (sources[term.output], term.output, source, term.output)
            )
        sources[term.output] = source
        terms.append(term)
    return terms


def _term(
    source: str, output: Optional[str], arguments: Arguments, context: Context, functions: Functions
) -> Optional[Term]:
    match = _FUNCTION.match(source)
    function = match.group(1) if match else ""
    make = functions(function)
    if match is None or make is None:
        return None
    inside = (match.group(2) or "").strip()
    of_expression = _EVAL.match(inside)
    if of_expression:
        if output is None:
            raise arguments.error(
                "You must specify a rename for the aggregation specifier on the dynamically evaluated field '%s'."
                % source
            )
        return Term(function, make, output, expression=compiled(of_expression.group(1), arguments, context))
    counts_rows = function in ("count", "c") and not inside
    field = "" if counts_rows else unquote(inside) or "*"
    if "**" in field:
        raise arguments.error("The wildcard field is invalid. It contains consecutive wildcards.")
    if output is None:
        output = function if counts_rows else "%s(%s)" % (function, field)
    elif field.count("*") != output.count("*"):
        raise arguments.error(
            "The number of wildcards between field specifier '%s' and rename specifier '%s' do not match. Note: empty "
            "field specifiers implies all fields, e.g. sum() == sum(*)." % (field, output)
        )
    return Term(function, make, output, field)


def by_fields(arguments: Arguments) -> List[str]:
    """Removes the BY clause from the arguments."""
    words = arguments.clause("BY")
    if words is None:
        return []
    fields = arguments.fields(words)
    if not fields:
        raise arguments.error("You must specify at least one field after 'by'.")
    for index, field in enumerate(fields):
        if field in fields[:index]:
            raise arguments.error("Repeated group-by field '%s'." % field)
    return fields


def groups_of(row: Row, by: Sequence[str], distinct: bool = False) -> List[Tuple[str, ...]]:
    """The groups of a row: none if it lacks a BY field, else one for each combination of multivalue fields' values.

    A value that a field has twice counts twice, unless `distinct`.
    """
    singles = [row.get(field) for field in by]
    if None in singles:
        return []
    if list not in map(type, singles):  # as in most rows
        return [tuple(map(text, singles))]
    keys: List[Tuple[str, ...]] = [()]
    for field in by:
        values: Iterable[str] = map(text, as_list(row.get(field)))
        values = list(dict.fromkeys(values) if distinct else values)
        keys = [(*key, value) for key in keys for value in values]
    return keys


def time_of(row: Row) -> float:
    """For functions of time. Rows without a time all count as having the same one."""
    value = row.get("_time")
    if value is None:
        return 0.0
    amount = None if isinstance(value, list) else number(value)
    return 0.0 if amount is None else float(amount)


class Group:
    """The functions of one group of rows."""

    def __init__(self, terms: Sequence[Term], all_numbers: bool = False):
        self.terms, self.all_numbers = terms, all_numbers
        self.aggregates = [term.make() for term in terms]

    def add(self, row: Row) -> None:
        time = time_of(row)
        for term, state in zip(self.terms, self.aggregates):
            if term.expression is None and term.field:
                value = row.get(term.field)
                if value is None:
                    continue
                if type(value) is not list:
                    state.add(value, time)
                    continue
            for each in term.values(row):
                state.add(each, time)

    def results(self) -> Dict[str, Value]:
        """One field for each function that has a value."""
        found = {}
        for term, state in zip(self.terms, self.aggregates):
            value = state.result()
            refused = self.all_numbers and isinstance(state, Numeric) and not state.all_numbers
            if value is not None and not refused:
                found[term.output] = value
        return found
