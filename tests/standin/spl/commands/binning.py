"""bin, also called bucket: replaces values with the sets that contain them.

Refused because not known: bins=, start= and end= for anything but time; how splunkd then chooses a span is not
documented.

Relies on: Search Reference, "bin".
"""

from typing import Any, Callable, Dict, Iterator, Optional, Union

from ...values import Results, Row, Scalar, Value, number, text
from ..registry import Arguments, Context, command, natural, unquote
from .chunks import cut, gathered, with_fields
from .spans import Logarithm, Range, TimeSpan, default_span, number_span, time_span
from .terms import time_of

BIN_OPTIONS: Dict[str, Callable[[str], Any]] = {"bins": natural, "minspan": str, "span": str, "aligntime": str}
DEFAULT_BINS = 100


@command("bin")
def bin_(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(**BIN_OPTIONS)
    words = [word for word in arguments.words if word != ","]
    renamed = len(words) == 3 and words[1].upper() == "AS"
    if not words or (len(words) > 1 and not renamed):
        raise arguments.error("The argument '%s' is invalid." % words[-1] if words else "A field name is expected.")
    field, output = unquote(words[0]), unquote(words[-1])

    def binned(results: Results, label: Callable[[Scalar], Optional[Scalar]]) -> Results:
        rows = [_with(row, field, output, label) for row in results.rows]
        return Results(with_fields(results.fields, [output], rows), rows)

    if "span" in options:
        label = labels(field, options, arguments, context)
        return (binned(chunk, label) for chunk in chunks)
    if field != "_time":
        raise arguments.error("A span is required for the field '%s': bins= is known for _time only." % field)

    def whole() -> Iterator[Results]:
        results = gathered(chunks)
        times = [time_of(row) for row in results.rows if field in row]
        span = chosen_span(max(times) - min(times) if times else 0.0, options, arguments, context)
        yield from cut(binned(results, time_label(span)))

    return whole()


command("bucket")(bin_)


def _with(row: Row, field: str, output: str, label: Callable[[Scalar], Optional[Scalar]]) -> Row:
    value: Optional[Value] = row.get(field)
    if value is None or isinstance(value, list):
        return row
    found = label(value)
    return {**row, output: value if found is None else found}


def labels(
    field: str, options: Dict[str, Any], arguments: Arguments, context: Context
) -> Callable[[Scalar], Optional[Scalar]]:
    """What a span turns the values of a field into: the start of a time span, else "from-to"; None keeps the value."""
    spec = options["span"]
    if field == "_time":
        return time_label(given_span(options, arguments, context))
    sets: Union[Range, Logarithm, TimeSpan, None] = number_span(spec) or time_span(spec, context.host.clock.zone)
    if sets is None:
        raise invalid_span(spec, arguments)

    def label(value: Scalar) -> Optional[Scalar]:
        amount = number(value)
        if amount is None:
            return None
        if isinstance(sets, (Range, Logarithm)):
            return sets.label(amount)
        start = sets.start(amount)
        return "%s-%s" % (text(start), text(sets.next(start)))

    return label


def time_label(span: TimeSpan) -> Callable[[Scalar], Optional[Scalar]]:
    def label(value: Scalar) -> Optional[Scalar]:
        amount = number(value)
        return None if amount is None else span.start(float(amount))

    return label


def given_span(options: Dict[str, Any], arguments: Arguments, context: Context) -> TimeSpan:
    span = time_span(options["span"], context.host.clock.zone, _alignment(options, context))
    if span is None:
        raise invalid_span(options["span"], arguments)
    return span


def chosen_span(duration_s: float, options: Dict[str, Any], arguments: Arguments, context: Context) -> TimeSpan:
    """The span to use if none is given."""
    zone, least = context.host.clock.zone, 0.0
    if "minspan" in options:
        span = time_span(options["minspan"], zone)
        if span is None:
            raise arguments.error("The value for option minspan (%s) is invalid." % options["minspan"])
        least = span.next(span.start(0.0)) - span.start(0.0)
    return default_span(duration_s, options.get("bins", DEFAULT_BINS), zone, least, _alignment(options, context))


def _alignment(options: Dict[str, Any], context: Context) -> float:
    spec, host = options.get("aligntime"), context.host
    bounds: Dict[Optional[str], Optional[float]] = {"earliest": host.earliest, "latest": host.latest, None: 0.0}
    return (bounds[spec] or 0.0) if spec in bounds else host.clock.modified(str(spec))


def invalid_span(spec: str, arguments: Arguments) -> Exception:
    return arguments.error("The value for option span (%s) is invalid." % spec)
