"""lookup, inputlookup, outputlookup.

Relies on: Search Reference, the pages of these commands; transforms.conf.spec, max_matches, case_sensitive_match.
"""

from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from ...values import Results, Row, as_list, from_list, text
from ..choices import NULL_IN_LOOKUP
from ..host import LookupTable
from ..registry import Arguments, Context, boolean, command, natural, not_first, unquote
from ..search import parse
from .chunks import gathered

Pairs = List[Tuple[str, str]]
"""(field of the lookup, field of the event)"""


def _table(arguments: Arguments, context: Context) -> LookupTable:
    """The table that the first word names. Removes the word."""
    if not arguments.words:
        raise arguments.error("A lookup table name is required.")
    name = unquote(arguments.words.pop(0))
    found = context.host.lookup(name)
    if found is None:
        raise arguments.error("Could not construct lookup '%s'. The lookup does not exist or is not available." % name)
    return found


def _pairs(arguments: Arguments, words: List[str]) -> Pairs:
    names = [unquote(word) for word in words if word != ","]
    pairs = []
    while names:
        name = names.pop(0)
        if names and names[0].upper() == "AS":
            if len(names) < 2:
                raise arguments.error("A field name is expected after 'AS'.")
            pairs.append((name, names[1]))
            names = names[2:]
        else:
            pairs.append((name, name))
    return pairs


@command("lookup")
def lookup(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """Without OUTPUT, returns all fields except those looked up by. If nothing is found they become null."""
    arguments.options(local=boolean, update=boolean)
    new_only = any(word.upper() == "OUTPUTNEW" for word in arguments.words)
    outputs = arguments.clause("OUTPUT", "OUTPUTNEW")
    table = _table(arguments, context)
    inputs = _pairs(arguments, arguments.words)
    if not inputs:
        raise arguments.error("Must specify one or more lookup fields.")
    wanted = (
        _pairs(arguments, outputs)
        if outputs is not None
        else [(field, field) for field in table.fields if field not in [name for name, _ in inputs]]
    )
    for kind, pairs in (("lookup", inputs), ("destination", wanted)):
        missing = [field for field, _ in pairs if field not in table.fields]
        if missing:
            raise arguments.error(
                "Could not find all of the specified %s fields in the lookup table: '%s'."
                % (kind, "', '".join(missing))
            )

    def joined() -> Iterator[Results]:
        skips_nulls = NULL_IN_LOOKUP in context.host.others
        by_key = None if skips_nulls else _key_field(table, inputs)
        found = None
        for chunk in chunks:
            if found is None or by_key:
                records = table.rows(_with_keys(chunk.rows, by_key) if by_key else None)
                found = _Found(table, records, inputs, wanted, new_only, skips_nulls)
            fields = dict.fromkeys([*chunk.fields, *(event for _, event in wanted)])
            yield Results(fields, map(found.extended, chunk.rows))

    return joined()


def _key_field(table: LookupTable, inputs: Pairs) -> Optional[str]:
    """The event's field that is looked up in a KV store collection's _key, which needs no reading of all records."""
    is_exact = table.kind == "kvstore" and table.case_sensitive
    return next((event for field, event in inputs if is_exact and field == "_key"), None)


def _with_keys(rows: List[Row], field: str) -> dict:
    """A query for the records with these rows' keys. (No key is empty: without rows, there are no records.)"""
    keys = dict.fromkeys(text(value) for row in rows for value in as_list(row.get(field)))
    return {"$or": [{"_key": key} for key in keys or [""]]}


class _Found:
    """The table's records, by the values of the fields that are looked up by."""

    def __init__(
        self,
        table: LookupTable,
        records: Iterable[Row],
        inputs: Pairs,
        wanted: Pairs,
        new_only: bool,
        skips_nulls: bool,
    ):
        self.wanted, self.new_only, self.skips_nulls = wanted, new_only, skips_nulls
        self.most, self.is_case_sensitive = table.max_matches, table.case_sensitive
        self.inputs, self.table = inputs, list(records)
        self.by_fields: Dict[Tuple[str, ...], Dict[Tuple[str, ...], List[Row]]] = {}

    def _index(self, fields: Tuple[str, ...]) -> Dict[Tuple[str, ...], List[Row]]:
        """The table's rows by the values of these fields."""
        if fields not in self.by_fields:
            index = self.by_fields[fields] = {}
            for row in self.table:
                for key in self._keys(row, fields):
                    index.setdefault(key, []).append(row)
        return self.by_fields[fields]

    def _keys(self, row: Row, fields: Sequence[str]) -> List[Tuple[str, ...]]:
        """One key for each combination of values, or none if a field is null."""
        keys: List[Tuple[str, ...]] = [()]
        if len(fields) == 1 and type(row.get(fields[0])) is str and self.is_case_sensitive:  # as in most lookups
            return [(row[fields[0]],)]
        for field in fields:
            values = map(text, as_list(row.get(field)))
            keys = [(*key, value if self.is_case_sensitive else value.lower()) for value in values for key in keys]
        return keys

    def extended(self, row: Row) -> Row:
        inputs = [pair for pair in self.inputs if pair[1] in row] if self.skips_nulls else self.inputs
        index = self._index(tuple(field for field, _ in inputs))
        keys = self._keys(row, [event for _, event in inputs]) if inputs else []
        matches = [match for key in keys for match in index.get(key, ())][: self.most]
        extended = dict(row)
        for field, event in self.wanted:
            if self.new_only and event in row:
                continue
            value = from_list([each for match in matches for each in as_list(match.get(field))])
            if value is None:
                extended.pop(event, None)
            else:
                extended[event] = value
        return extended


@command("inputlookup", generating=True, orders=True)
def inputlookup(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    source = arguments.clause("WHERE")
    options = arguments.options(append=boolean, start=natural, max=natural)
    if not context.is_first and not options.get("append"):
        raise not_first("inputlookup")
    table = _table(arguments, context)
    arguments.nothing()
    matches = parse(" ".join(source), context.host.clock).matches if source else lambda row: True
    first, most = options.get("start", 0), options.get("max")

    def rows() -> Iterator[Results]:
        yield from chunks
        found = [row for row in table.rows() if matches(row)]
        yield Results(table.fields, found[first : None if most is None else first + most])

    return rows()


@command("outputlookup")
def outputlookup(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """Passes the rows on. If there are none it empties the table, unless override_if_empty=false."""
    options = arguments.options(append=boolean, key_field=str, max=natural, override_if_empty=boolean)
    table = _table(arguments, context)
    arguments.nothing()

    def written() -> Iterator[Results]:
        results = gathered(chunks)
        rows = results.rows[: options.get("max")]
        if rows or options.get("override_if_empty", True):
            table.write(rows, options.get("append", False), options.get("key_field"))
        yield results

    return written()
