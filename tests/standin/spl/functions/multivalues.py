"""Multivalue functions.

Relies on: Search Reference, "Multivalue eval functions".
"""

from ...values import as_list, from_list, number, text
from ..jsontext import dumped, value_of
from ..operators import truth
from ..patterns import compiled
from .registry import MANY, function, invalid, lazy


@function("mvappend", 1, MANY, nulls=True)
def mvappend(*values):
    return from_list([each for value in values for each in as_list(value)])


@function("mvcount", 1)
def mvcount(value):
    return len(as_list(value))


@function("mvdedup", 1)
def mvdedup(value):
    first = {}
    for each in as_list(value):
        first.setdefault(text(each), each)
    return from_list(list(first.values()))


@lazy("mvfilter", 1)
def mvfilter(arguments, host):
    """The values for which the expression holds. It may name only one field."""
    condition, fields = arguments[0].evaluate, arguments[0].fields
    if len(fields) != 1:
        raise invalid("mvfilter")
    field = next(iter(fields))

    def evaluate(row):
        return from_list([value for value in as_list(row.get(field)) if truth(condition({field: value}))])

    return evaluate


@function("mvfind", 2)
def mvfind(value, pattern):
    search = compiled(text(pattern)).search
    return next((index for index, each in enumerate(as_list(value)) if search(text(each))), None)


@function("mvindex", 2, 3)
def mvindex(value, start, end=None):
    values, low = as_list(value), number(start)
    high = low if end is None else number(end)
    if low is None or high is None:
        return None
    low, high = (int(index) + len(values) if index < 0 else int(index) for index in (low, high))
    return from_list(values[low : high + 1]) if 0 <= low <= high and low < len(values) else None


@function("mvjoin", 2)
def mvjoin(value, delimiter):
    return text(delimiter).join(map(text, as_list(value)))


@lazy("mvmap", 2)
def mvmap(arguments, host):
    """Evaluates the expression for each value of the first argument, whose field holds that value meanwhile."""
    source, expression = arguments[0].evaluate, arguments[1].evaluate
    if len(arguments[0].fields) != 1:
        raise invalid("mvmap")
    field = next(iter(arguments[0].fields))

    def evaluate(row):
        mapped = [expression({**row, field: value}) for value in as_list(source(row))]
        return from_list([each for value in mapped for each in as_list(value)])

    return evaluate


@lazy("mvrange", 2, 3, hosted=True)
def mvrange(arguments, host):
    """The numbers from the start up to the end, excluding it. The step is a number, or a time span such as 7d.

    A start written with decimals, such as a time from relative_time, gives numbers written like the others.
    """
    start, end = arguments[0].evaluate, arguments[1].evaluate
    step = arguments[2].evaluate if len(arguments) > 2 else lambda row: 1

    def evaluate(row):
        first, last, by = number(start(row)), number(end(row)), step(row)
        if first is None or last is None or by is None:
            return None
        amount = number(by)
        if amount is not None and amount <= 0:
            return None
        values = []
        while first < last:
            values.append(first + 0)
            first = first + amount if amount is not None else host.clock.modified("+" + text(by), first)
        return from_list(values)

    return evaluate


@function("mvreverse", 1)
def mvreverse(value):
    return from_list(as_list(value)[::-1])


@function("mvsort", 1)
def mvsort(value):
    return from_list(sorted(as_list(value), key=text))


@function("mvzip", 2, 3)
def mvzip(left, right, delimiter=","):
    return from_list([text(one) + text(delimiter) + text(other) for one, other in zip(as_list(left), as_list(right))])


@function("mv_to_json_array", 1, 2)
def mv_to_json_array(value, infer=False):
    if not truth(infer):
        return dumped([text(each) for each in as_list(value)])
    return dumped([value_of(text(each)) for each in as_list(value)])


@function("split", 2)
def split(value, delimiter):
    source, by = text(as_list(value)[0]), text(delimiter)
    return from_list(source.split(by) if by else list(source))


@function("commands", 1)
def commands(value):
    from ..pipeline import cut

    parts = cut(text(value).strip().lstrip("|"))
    return from_list([part.split()[0] for part in parts if part.strip()])
