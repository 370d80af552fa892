"""tstats: statistics of indexed fields, without looking at the events.

It knows the functions below, of the fields below, WHERE, and BY with a span of _time. It refuses the rest of the
manual's page: data models, prestats, PREFIX(), words. The manual does not say what Splunk answers for a field that is
not indexed; here it is an error.

Relies on: Search Reference, "tstats".
"""

from typing import Iterator

from ...values import Results, Row, SplError, number
from ..registry import Arguments, Context, command, unquote
from ..search import parse
from .searching import scanned
from .spans import time_span
from .terms import Group, parsed_terms

FIELDS = frozenset(("_time", "_indextime", "index", "host", "source", "sourcetype", "splunk_server"))
FUNCTIONS = frozenset(("count", "max", "min", "dc", "avg", "sum", "values", "perc95", "median"))


@command("tstats", generating=True, orders=True)
def tstats(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    def invalid(source: str) -> SplError:
        return SplError("Error in 'TsidxStats': '%s' is not known here." % source)

    by_words = arguments.clause("BY", "GROUPBY") or []
    where = arguments.clause("WHERE") or []
    spans = [word[len("span=") :] for word in by_words if word.startswith("span=")]
    by = [unquote(word) for word in by_words if word != "," and not word.startswith("span=")]
    query = parse(" ".join(where), context.host.clock)
    terms = parsed_terms(arguments, context, invalid)
    span = time_span(spans[0], context.host.clock.zone) if len(spans) == 1 else None
    if not terms or bool(spans) != (span is not None) or (spans and "_time" not in by) or ("_time" in by and not spans):
        raise invalid(arguments.source)
    for term in terms:
        if term.function not in FUNCTIONS or (term.field and term.field not in FIELDS) or term.expression:
            raise invalid(term.output)
    if not set(by) <= FIELDS:
        raise invalid(", ".join(sorted(set(by) - FIELDS)))
    if any(not term.fields <= FIELDS for term in query.terms):
        raise SplError("Error in 'TsidxStats': WHERE clause is not an exact query")

    def keyed(row: Row) -> tuple:
        return tuple(span.start(number(row["_time"])) if name == "_time" else row[name] for name in by)

    def summed() -> Iterator[Results]:
        groups = {} if by else {(): Group(terms, False)}
        for row in filter(query.matches, scanned(query, context)):
            groups.setdefault(keyed(row), Group(terms, False)).add(row)
        rows = [{**dict(zip(by, key)), **groups[key].results()} for key in sorted(groups)]
        yield Results([*by, *(term.output for term in terms)], rows)

    return summed()
