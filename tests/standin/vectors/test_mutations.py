"""The vectors notice changed rules: each change below, made to a copy of the language in memory, fails at least one."""

import contextlib
import importlib
import importlib.machinery
import sys
from typing import NamedTuple

import pytest

from tests.standin.vectors.test_vectors import vectors


class Mutation(NamedTuple):
    about: str
    module: str
    was: str
    becomes: str
    group: str
    """The file of vectors to try first."""


MUTATIONS = [
    Mutation(
        "<= does not hold for equal values",
        "spl.operators",
        '"<=": operator.le',
        '"<=": operator.lt',
        "comparison",
    ),
    Mutation(
        "numbers are compared as texts",
        "spl.operators",
        "if first is None or second is None:\n        first, second = written",
        "if True:\n        first, second = written",
        "operators",
    ),
    Mutation(
        "texts are compared in any case",
        "spl.operators",
        "return holds(one, literal)",
        "return holds(one.lower(), literal.lower())",
        "comparison",
    ),
    Mutation(
        "all rows have the same random number",
        "spl.functions.mathematical",
        '@lazy("random", 0, steady=False)',
        '@lazy("random", 0)',
        "mathematical",
    ),
    Mutation(
        "searchmatch looks at the first row only",
        "spl.functions.comparison",
        '@lazy("searchmatch", 1, hosted=True, steady=False)',
        '@lazy("searchmatch", 1, hosted=True)',
        "comparison",
    ),
    Mutation(
        "NOT of null is true",
        "spl.operators",
        "return None if value is None else not value",
        "return not value",
        "operators",
    ),
    Mutation(
        "AND and OR are swapped in eval",
        "spl.expressions",
        '_LOGIC = {"XOR": exclusion, "OR": disjunction, "AND": conjunction}',
        '_LOGIC = {"XOR": exclusion, "AND": disjunction, "OR": conjunction}',
        "operators",
    ),
    Mutation(
        "products are written with all their digits",
        "spl.operators",
        "if not limits or not math.isfinite(found):",
        "if True:",
        "operators",
    ),
    Mutation("search matches the case of values", "spl.search", "(0 if is_case else re.I)", "0", "search"),
    Mutation(
        "search takes 1 for 1.0",
        "spl.search",
        "return expression.fullmatch(value) is not None or",
        "return number(value) == number(wanted) is not None or expression.fullmatch(value) is not None or",
        "search",
    ),
    Mutation(
        "!= holds for missing fields",
        "spl.search",
        "return lambda row: name in row and any(",
        "return lambda row: name not in row or any(",
        "search",
    ),
    Mutation(
        "a week begins on Monday",
        "clock",
        "(midnight.isoweekday() - day) % 7",
        "(midnight.isoweekday() - 1 - day) % 7",
        "time_modifiers",
    ),
    Mutation(
        "a snap is the beginning of the day",
        "clock",
        "unit = _unit(name)\n    zeros",
        "unit = 'd'\n    zeros",
        "time_modifiers",
    ),
    Mutation(
        "dedup keeps rows without the field",
        "spl.commands.selection",
        "return row if self.keepempty else None",
        "return row",
        "selection",
    ),
    Mutation(
        "rows that lack the field sort first",
        "spl.commands.ordering",
        "ordered = [row for _, row in present] + [row for row in ordered if by.field not in row]",
        "ordered = [row for row in ordered if by.field not in row] + [row for _, row in present]",
        "selection",
    ),
    Mutation(
        "no rows have a sum",
        "spl.commands.statistics",
        "if (row := {**dict(zip(by, key)), **groups[key].results()})]",
        "if [row := {**dict(zip(by, key)), **groups[key].results()}]]",
        "statistics",
    ),
    Mutation(
        "percentiles are the nearest rank",
        "spl.commands.aggregates",
        "return below + (above - below) * hundredths / 100",
        "return below",
        "statistics",
    ),
    Mutation(
        "OUTPUTNEW overwrites", "spl.commands.lookups", "if self.new_only and event in row:", "if False:", "lookups"
    ),
    Mutation("arrays count from one", "spl.jsontext", "value = value[step] if", "value = value[step - 1] if", "json"),
    Mutation(
        "JSON is extracted to the end",
        "limits",
        '("spath", "extraction_cutoff"): 5_000',
        '("spath", "extraction_cutoff"): 50_000',
        "extraction",
    ),
    Mutation(
        "the end index is excluded",
        "spl.functions.multivalues",
        "values[low : high + 1]",
        "values[low:high]",
        "multivalue",
    ),
    Mutation(
        "an empty subsearch finds everything",
        "spl.commands.subsearches",
        'empty: str = "NOT ( )"',
        'empty: str = "*"',
        "subsearches",
    ),
]


class _Loader(importlib.machinery.SourceFileLoader):
    mutation = None

    def path_stats(self, path):
        raise OSError  # no bytecode: it would be that of the unchanged source

    def source_to_code(self, data, path, *, _optimize=-1):
        source = data.decode()
        if self.mutation and self.name == "tests.standin." + self.mutation.module:
            assert source.count(self.mutation.was) == 1, "the text to change does not occur exactly once"
            source = source.replace(self.mutation.was, self.mutation.becomes)
        return super().source_to_code(source.encode(), path, _optimize=_optimize)


class _Finder:
    """Finds the language's modules, and this folder's, for its own loader."""

    def __init__(self, mutation):
        self.loader = type("Loader", (_Loader,), {"mutation": mutation})

    def find_spec(self, name, path, target=None):
        if not _is_copied(name):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        spec.loader = self.loader(name, spec.origin)
        return spec


def _is_copied(name):
    return name.startswith("tests.standin.") and name != "tests.standin.vectors"


@contextlib.contextmanager
def copy_of_the_vectors_test(mutation):
    """tests.standin.vectors.test_vectors running on its own copy of the language, with the mutation in it."""
    kept = {name: module for name, module in sys.modules.items() if _is_copied(name)}
    for name in kept:
        del sys.modules[name]
    finder = _Finder(mutation)
    sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module("tests.standin.vectors.test_vectors")
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_copied(name)]:
            del sys.modules[name]
        sys.modules.update(kept)
        for name, module in kept.items():
            parent, _, own = name.rpartition(".")
            if parent not in kept:
                setattr(sys.modules[parent], own, module)


def failures(mutation, group):
    """The ids of the failing vectors, up to the first failure. Those of the group come first."""
    ordered = sorted(vectors(), key=lambda each: not each.id.startswith(group + "-"))
    with copy_of_the_vectors_test(mutation) as copy:
        for each in ordered:
            try:
                copy.test_vector(each.values[0])
            except (AssertionError, pytest.fail.Exception, copy.SplError):
                return [each.id]
    return []


@pytest.mark.parametrize("mutation", [pytest.param(each, id=each.about) for each in MUTATIONS])
def test_a_changed_rule_is_noticed(mutation):
    assert failures(mutation, mutation.group)


def test_an_unchanged_copy_fails_no_vector():
    assert failures(None, "") == []
