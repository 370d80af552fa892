"""lookup, inputlookup, outputlookup.

Relies on: Search Reference, the pages of these commands.
"""
from typing import Dict, Iterator, List, Tuple

from ...values import Results, Row, as_list, from_list, text
from ..registry import Arguments, Context, boolean, command, unquote


def table(arguments: Arguments, context: Context, name: str):
    found = context.host.lookup(name)
    if found is None:
        raise arguments.error("Could not find all of the specified lookup fields in the lookup table." if not name else
                              "Could not construct lookup '%s'. See search.log for more details." % name)
    return found


def _pairs(arguments: Arguments, words: List[str]) -> List[Tuple[str, str]]:
    """(field of the lookup, field of the event)."""
    names = [unquote(word) for word in words if word != ","]
    pairs = []
    while names:
        name = names.pop(0)
        if names and names[0].upper() == "AS":
            if len(names) < 2:
                raise arguments.error("Usage: lookup <lookup-table-name> (<lookup-field> [AS <event-field>])...")
            pairs.append((name, names[1]))
            names = names[2:]
        else:
            pairs.append((name, name))
    return pairs


@command("lookup")
def lookup(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    arguments.options(local=boolean, update=boolean)
    new_only = any(word.upper() == "OUTPUTNEW" for word in arguments.words)
    outputs = arguments.clause("OUTPUT", "OUTPUTNEW")
    if not arguments.words:
        raise arguments.error("A lookup table name is required.")
    name, inputs = unquote(arguments.words[0]), _pairs(arguments, arguments.words[1:])
    found = table(arguments, context, name)
    wanted = _pairs(arguments, outputs) if outputs is not None else [
        (field, field) for field in found.fields if field not in [pair[0] for pair in inputs]]
    for field, _ in inputs + wanted:
        if field not in found.fields:
            raise arguments.error("Could not find all of the specified destination fields in the lookup table."
                                  if (field, _) in wanted else
                                  "Could not find all of the specified lookup fields in the lookup table.")

    def joined():
        index = None
        for chunk in chunks:
            if index is None:
                index = _index(found, [field for field, _ in inputs])
            yield Results(dict.fromkeys([*chunk.fields, *(event for _, event in wanted)]),
                          (_with(row, index, inputs, wanted, found, new_only) for row in chunk.rows))
    return joined()


def _fold(value, found) -> str:
    return text(value) if found.case_sensitive else text(value).lower()


def _index(found, fields: List[str]) -> Dict[tuple, List[Row]]:
    index: Dict[tuple, List[Row]] = {}
    for row in found.rows():
        if all(field in row for field in fields):
            index.setdefault(tuple(_fold(row[field], found) for field in fields), []).append(row)
    return index


def _with(row: Row, index, inputs, wanted, found, new_only: bool) -> Row:
    keys: List[tuple] = [()]
    for _, event in inputs:
        keys = [(*key, _fold(value, found)) for key in keys for value in as_list(row.get(event))]
    matches = [match for key in keys for match in index.get(key, [])][:found.max_matches]
    extended = dict(row)
    for field, event in wanted:
        if new_only and event in row:
            continue
        value = from_list([match[field] for match in matches if field in match])
        if value is None:
            extended.pop(event, None)
        else:
            extended[event] = value
    return extended


@command("inputlookup", generating=True)
def inputlookup(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    condition = arguments.clause("WHERE")
    if len(arguments.words) != 1:
        raise arguments.error("Invalid argument: '%s'" % " ".join(arguments.words[1:]))
    found = table(arguments, context, unquote(arguments.words[0]))
    matches = context.condition(" ".join(condition)) if condition else lambda row: True
    return iter([Results(found.fields, filter(matches, found.rows()))])


@command("outputlookup")
def outputlookup(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    options = arguments.options(append=boolean, key_field=str)
    if len(arguments.words) != 1:
        raise arguments.error("A lookup table name is required.")
    found = table(arguments, context, unquote(arguments.words[0]))

    def written():
        kept = list(chunks)
        rows = [row for chunk in kept for row in chunk.rows]
        found.write(rows, options.get("append", False), options.get("key_field"))
        yield from kept
    return written()


