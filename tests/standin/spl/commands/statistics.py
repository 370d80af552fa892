"""stats and eventstats.

Relies on: Search Reference, "stats", "eventstats".
"""

from typing import Dict, Iterator, List, Sequence, Tuple

from ...values import Results, SplError
from ..registry import Arguments, Context, boolean, command, natural
from .chunks import cut, gathered, with_fields
from .terms import Group, Term, by_fields, groups_of, parsed_terms

Key = Tuple[str, ...]


def read_terms(arguments: Arguments, context: Context) -> Tuple[List[Term], List[str]]:
    """Reads the functions and the BY fields from the remaining arguments."""

    def invalid(source: str) -> SplError:
        return arguments.error("The argument '%s' is invalid." % source)

    by = by_fields(arguments)
    terms = parsed_terms(arguments, context, invalid)
    if not terms:
        raise invalid("")
    for term in terms:
        if term.output in by:
            raise arguments.error("The output field '%s' cannot have the same name as a group-by field." % term.output)
    return terms, by


def expand(terms: Sequence[Term], fields: Sequence[str], by: Sequence[str]) -> List[Term]:
    return [one for term in terms for one in term.expanded(fields, by)]


@command("stats", orders=True)
def stats(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """A row for each group, in the order of the groups' values as text; without BY a single row."""
    options = arguments.options(keep_others=True, allnum=boolean, dedup_splitvals=boolean, partitions=natural)
    terms, by = read_terms(arguments, context)
    all_numbers, distinct = options.get("allnum", False), options.get("dedup_splitvals", False)

    def summed() -> Iterator[Results]:
        source: Iterator[Results] = chunks
        found = terms
        if any(term.has_wildcard for term in terms):
            results = gathered(chunks)
            source, found = iter([results]), expand(terms, results.fields, by)
        groups: Dict[Key, Group] = {} if by else {(): Group(found, all_numbers)}
        for chunk in source:
            for row in chunk.rows:
                for key in groups_of(row, by, distinct):
                    group = groups.get(key)
                    if group is None:
                        group = groups[key] = Group(found, all_numbers)
                    group.add(row)
        # Without BY, there is no row at all if no function has a value.
        rows = [row for key in sorted(groups) if (row := {**dict(zip(by, key)), **groups[key].results()})]
        yield from cut(Results([*by, *(term.output for term in found)], rows))

    return summed()


@command("eventstats")
def eventstats(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    """Adds to each row the results of its group. If it is in several groups, those of the first."""
    all_numbers = arguments.options(keep_others=True, allnum=boolean).get("allnum", False)
    terms, by = read_terms(arguments, context)

    def annotated() -> Iterator[Results]:
        results = gathered(chunks)
        found = expand(terms, results.fields, by)
        groups: Dict[Key, Group] = {}
        for row in results.rows:
            for key in groups_of(row, by):
                if key not in groups:
                    groups[key] = Group(found, all_numbers)
                groups[key].add(row)
        summaries = {key: group.results() for key, group in groups.items()}
        rows = []
        for row in results.rows:
            keys = groups_of(row, by)
            rows.append({**row, **summaries[keys[0]]} if keys else row)
        yield from cut(Results(with_fields(results.fields, [term.output for term in found], rows), rows))

    return annotated()
