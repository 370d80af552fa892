"""chart and timechart: a table with the x-axis down the side and, if split, one column per series.

Refused because not known: functions of aggregates (`eval(avg(a)*avg(b))`), spans of the split-by field, `agg=`,
sparklines.

Relies on: Search Reference, "chart", "timechart"; messages.conf, [NEW_CHART_PROCESSOR].
"""

import re
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ...values import Results, Row, Scalar, SplError, Value, as_list, number, text
from ..registry import Arguments, Context, boolean, command, unquote
from .aggregates import aggregate
from .binning import BIN_OPTIONS, chosen_span, given_span, labels
from .chunks import cut, gathered
from .ordering import compare
from .spans import Days, Seconds, TimeSpan
from .statistics import expand
from .terms import Functions, Group, Term, parsed_terms, time_of

RATES = {"per_second": 1, "per_minute": 60, "per_hour": 3600, "per_day": 86400}  # seconds


class Limit(NamedTuple):
    """How many series to keep, and from which end. 0 keeps all."""

    bottom: bool
    count: int


def limit(spec: str) -> Limit:
    match = re.fullmatch(r"(top|bottom)?\s*(\d+)", spec)
    if not match:
        raise ValueError(spec)
    return Limit(match.group(1) == "bottom", int(match.group(2)))


SERIES_OPTIONS: Dict[str, Callable[[str], Any]] = {
    "limit": limit, "useother": boolean, "usenull": boolean, "otherstr": str, "nullstr": str,
    "dedup_splitvals": boolean, "sep": str, "format": str,
}  # fmt: skip


class Field(NamedTuple):
    """A field after BY or OVER, with the options that follow it."""

    name: str
    options: Dict[str, Any]


def _functions(rates: bool) -> Functions:
    return lambda name: aggregate("sum" if rates and name in RATES else name)


def _terms(arguments: Arguments, context: Context, rates: bool = False) -> List[Term]:
    def invalid(source: str) -> SplError:
        call = re.match(r"([\w.]+)\s*\(", source)
        if call:
            return arguments.error("The series aggregator function '%s' is invalid." % call.group(1))
        return arguments.error(
            "The specifier '%s' is invalid. It must be in form <func>(<field>). For example: max(size)." % source
        )

    for word in arguments.words:
        if aggregate(word) and word not in ("count", "c"):
            raise invalid(word)
    terms = parsed_terms(arguments, context, invalid, _functions(rates))
    if not terms:
        raise arguments.error("You must specify data field(s) to chart.")
    return terms


def _clause_fields(words: Optional[List[str]], arguments: Arguments) -> List[Field]:
    found: List[Tuple[str, List[str]]] = []
    for word in words or []:
        if found and re.match(r"[a-z_]+=", word):
            found[-1][1].append(word)
        elif word != ",":
            found.append((unquote(word), []))
    fields = []
    for name, options in found:
        own = Arguments(arguments.name, " ".join(options))
        fields.append(Field(name, own.options(**BIN_OPTIONS, **SERIES_OPTIONS)))
    return fields


@command("chart", orders=True)
def chart(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    where = arguments.clause("WHERE")
    by = _clause_fields(arguments.clause("BY"), arguments)
    over = _clause_fields(arguments.clause("OVER"), arguments)
    axes = over + by
    options = arguments.options(**SERIES_OPTIONS)
    if not axes or len(axes) > 2 or len(over) > 1:
        raise arguments.error(
            "The argument '%s' is invalid." % axes[-1].name if axes else "An x-axis field value is expected."
        )
    terms = _terms(arguments, context)
    x = axes[0]
    label = labels(x.name, x.options, arguments, context) if "span" in x.options else None
    split = _split(axes[1] if len(axes) > 1 else None, {**options, **x.options}, terms, where, arguments)

    def charted() -> Iterator[Results]:
        results = gathered(chunks)
        table = Table(split, expand(terms, results.fields, [field.name for field in axes]))
        for row in results.rows:
            for value in as_list(row.get(x.name)):
                found = label(value) if label else value
                if found is not None:
                    table.add(found if x.name == "_time" else text(found), row)
        yield from table.results(x.name, sorted(table.cells, key=_by_start if label else cmp_to_key(compare)))

    return charted()


def _by_start(value: Scalar) -> Tuple[float, str]:
    """The sort key for ranges such as "-1-0" and "2-4"."""
    match = re.match(r"-?[\d.]+(?:e[-+]?\d+)?", text(value))
    return (float(match.group()) if match else float("inf"), text(value))


@command("timechart", orders=True)
def timechart(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    where = arguments.clause("WHERE")
    by = _clause_fields(arguments.clause("BY"), arguments)
    if len(by) > 1:
        raise arguments.error("The argument '%s' is invalid." % by[1].name)
    options = arguments.options(**BIN_OPTIONS, **SERIES_OPTIONS, cont=boolean, partial=boolean, fixedrange=boolean)
    terms = _terms(arguments, context, rates=True)
    given = given_span(options, arguments, context) if "span" in options else None
    split = _split(by[0] if by else None, options, terms, where, arguments)
    host = context.host

    def charted() -> Iterator[Results]:
        results = gathered(chunks)
        rows = [row for row in results.rows if number(as_list(row.get("_time", ""))[0]) is not None]
        times = [time_of(row) for row in rows]
        first, last = host.earliest, host.latest
        if first is None or last is None or not options.get("fixedrange", True):
            if not times:
                return
            first, last = min(times), max(times)
        span = given or chosen_span(last - first, options, arguments, context)
        table = Table(split, expand(terms, results.fields, ["_time"]), span)
        for time, row in zip(times, rows):
            table.add(span.start(time), row)
        if split and not table.cells:
            return
        starts = sorted(table.cells)
        if options.get("cont", True):
            starts = _continuous(min([span.start(first), *starts]), max([last, *times]), span)
        if not options.get("partial", True):
            starts = [start for start in starts if first <= start and span.next(start) <= last]
        yield from table.results("_time", starts)

    return charted()


def _continuous(start: float, last: float, span: TimeSpan) -> List[float]:
    starts = [start]
    while span.next(starts[-1]) <= last:
        starts.append(span.next(starts[-1]))
    return starts


@dataclass(frozen=True)
class Split:
    """How rows are split into series, and which series get their own column."""

    field: str
    options: Dict[str, Any]
    chosen: Callable[[Dict[str, List[float]], Dict[str, int]], List[str]]
    """(values of each series, rows of each series) -> the series to keep"""

    def series(self, row: Row) -> List[Optional[str]]:
        """The series of a row. None stands for rows without the field."""
        values = [text(value) for value in as_list(row.get(self.field))]
        if self.options.get("dedup_splitvals", False):
            values = list(dict.fromkeys(values))
        found: List[Optional[str]] = ["VALUE" + value if value.startswith("_") else value for value in values]
        return found or ([None] if self.options.get("usenull", True) else [])

    def name(self, term: Term, series: str, single: bool) -> str:
        """The column for a function and a series."""
        if single:
            return series
        pattern = self.options.get("format", "$AGG$%s$VAL$" % self.options.get("sep", ": "))
        return pattern.replace("$AGG$", term.output).replace("$VAL$", series)


def _split(
    by: Optional[Field],
    options: Dict[str, Any],
    terms: Sequence[Term],
    where: Optional[List[str]],
    arguments: Arguments,
) -> Optional[Split]:
    if by is None:
        return None
    if any(name in by.options for name in BIN_OPTIONS):
        raise arguments.error("A span of the split-by field '%s' is not known here." % by.name)
    if any(term.has_wildcard for term in terms):
        raise arguments.error(
            "When you specify a split-by field, only single functions applied to a non-wildcarded data field are "
            "allowed."
        )
    merged = {**options, **by.options}
    if where is not None:
        return Split(by.name, merged, _where(where, arguments))
    keep = merged.get("limit", Limit(False, 10))

    def best(values: Dict[str, List[float]], rows: Dict[str, int]) -> List[str]:
        return _ranked({one: sum(values[one]) if len(terms) == 1 else rows[one] for one in rows}, keep)

    return Split(by.name, merged, best)


def _ranked(scores: Dict[str, float], keep: Limit) -> List[str]:
    ranked = sorted(scores, key=lambda one: (scores[one] if keep.bottom else -scores[one], one))
    return ranked[: keep.count] if keep.count else ranked


_WHERE = re.compile(r"(\w+)\s*(?:(in|notin)\s+(top|bottom)\s*(\d+)|([<>])\s*(-?\d+(?:\.\d+)?))\s*\Z")


def _where(words: List[str], arguments: Arguments) -> Callable[[Dict[str, List[float]], Dict[str, int]], List[str]]:
    """`max in top5`, `sum > 100`: a function that decides from their values which series to keep."""
    source = " ".join(words)
    match = _WHERE.match(source)
    # count is the sum of counts: "yields results similar to using the sum function".
    make = aggregate("sum" if match and match.group(1) == "count" else match.group(1)) if match else None
    if match is None or make is None:
        raise arguments.error("The argument '%s' is invalid." % source)
    _, inside, end, count, sign, threshold = match.groups()

    def chosen(values: Dict[str, List[float]], rows: Dict[str, int]) -> List[str]:
        scores: Dict[str, float] = {}
        for one in rows:
            state = make()
            for value in values[one]:
                state.add(value, 0.0)
            score = state.result()
            scores[one] = score if isinstance(score, (int, float)) else 0.0
        if sign:
            bound = float(threshold)
            return [one for one in scores if (scores[one] > bound if sign == ">" else scores[one] < bound)]
        best = _ranked(scores, Limit(end == "bottom", int(count)))
        return [one for one in scores if (one in best) == (inside == "in")]

    return chosen


class Table:
    """Rows by x and series, and the results made from them."""

    def __init__(self, split: Optional[Split], terms: Sequence[Term], span: Optional[TimeSpan] = None):
        self.split, self.terms, self.span = split, terms, span
        self.cells: Dict[Scalar, Dict[Optional[str], List[Row]]] = {}

    def add(self, x: Scalar, row: Row) -> None:
        cells = self.cells.setdefault(x, {})
        for series in self.split.series(row) if self.split else [""]:
            cells.setdefault(series, []).append(row)

    def results(self, axis: str, xs: Sequence[Scalar]) -> Iterator[Results]:
        """The table with a row for each of `xs`."""
        columns = self._columns()
        rows: List[Row] = []
        for x in xs:
            row: Row = {axis: x}
            for names, series in columns:
                inside = [each for one in series for each in self.cells.get(x, {}).get(one, [])]
                values = self._values(inside, x)
                row.update(
                    {name: values[term.output] for name, term in zip(names, self.terms) if term.output in values}
                )
            rows.append({**row, **self._span_of(x)})
        fields = [name for index in range(len(self.terms)) for names, _ in columns for name in names[index : index + 1]]
        yield from cut(Results([axis, *fields, *(self._span_of(xs[0]) if xs else {})], rows))

    def _values(self, rows: Sequence[Row], x: Scalar) -> Dict[str, Value]:
        group = Group(self.terms)
        for row in rows:
            group.add(row)
        values = group.results()
        for term in self.terms:
            value = values.get(term.output)
            if term.function in RATES and self.span and isinstance(value, (int, float)) and isinstance(x, (int, float)):
                values[term.output] = value * RATES[term.function] / (self.span.next(x) - x)
        return values

    def _span_of(self, x: Scalar) -> Row:
        """The hidden fields in which timechart records its span."""
        if isinstance(self.span, Seconds):
            return {"_span": float(self.span.length)}
        if isinstance(self.span, Days):
            return {"_span": self.span.count * 86400, "_spandays": self.span.count}
        return {}

    def _columns(self) -> List[Tuple[List[str], List[Optional[str]]]]:
        """For each column or group of columns: its name for each function, and the series in it."""
        split = self.split
        if split is None:
            return [([term.output for term in self.terms], [""])]
        present = {one for cells in self.cells.values() for one in cells}
        named = [one for one in present if one is not None]
        rows = {one: sum(len(cells.get(one, [])) for cells in self.cells.values()) for one in named}
        values: Dict[str, List[float]] = {one: [] for one in named}
        for x, cells in self.cells.items():
            for one in named:
                if one in cells:
                    amount = number(self._values(cells[one], x).get(self.terms[0].output))
                    values[one] += [] if amount is None else [float(amount)]
        kept = split.chosen(values, rows)
        columns: List[Tuple[str, List[Optional[str]]]] = [(one, [one]) for one in sorted(kept, key=cmp_to_key(compare))]
        if None in present:
            columns.append((split.options.get("nullstr", "NULL"), [None]))
        others: List[Optional[str]] = [one for one in named if one not in kept]
        if others and split.options.get("useother", True):
            columns.append((split.options.get("otherstr", "OTHER"), others))
        single = len(self.terms) == 1
        return [([split.name(term, name, single) for term in self.terms], series) for name, series in columns]
