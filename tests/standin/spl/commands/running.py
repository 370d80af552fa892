"""streamstats: statistics of the rows so far.

Relies on: Search Reference, "streamstats"; limits.conf, [stats] max_stream_window; messages.conf, [STATS].
"""

import re
from collections import defaultdict, deque
from functools import partial
from typing import Any, Callable, DefaultDict, Deque, Dict, Iterator, List, Optional, Tuple, Union

from ...values import Results, Row, Value
from ..registry import Arguments, Context, boolean, command, natural
from .calculation import compiled
from .chunks import with_fields
from .spans import Days, Seconds, time_span
from .statistics import Key, expand, read_terms
from .terms import Group, groups_of, time_of

MAX_WINDOW = 10_000
# The manual writes reset_after="("<expression>")" with the expression's quotes escaped; "<expression>" works as well.
_RESET = re.compile(r'\b(reset_before|reset_after)\s*=\s*(?:"\("((?:[^"\\]|\\.)*)"\)"|"((?:[^"\\]|\\.)*)")', re.S)


@command("streamstats")
def streamstats(arguments: Arguments, chunks: Iterator[Results], context: Context) -> Iterator[Results]:
    resets = {name: re.sub(r'\\"', '"', one or other) for name, one, other in _RESET.findall(arguments.source)}
    arguments = Arguments(arguments.name, _RESET.sub(" ", arguments.source))
    options = arguments.options(
        keep_others=True,
        reset_before=_no_expression,
        reset_after=_no_expression,
        allnum=boolean,
        current=boolean,
        reset_on_change=boolean,
        window=natural,
        time_window=str,
        **{"global": boolean},
    )
    window = options.get("window", 0)
    if window > MAX_WINDOW:
        raise arguments.error("The streaming window size %d is invalid (maximum size = %d)." % (window, MAX_WINDOW))
    seconds = _seconds(options["time_window"], arguments, context) if "time_window" in options else None
    for option, says in (("global", "global to false"), ("current", "current to false")):
        if seconds is not None and not options.get(option, True):
            raise arguments.error("Cannot set %s when using a time window." % says)
    conditions = {name: compiled(source, arguments, context) for name, source in resets.items()}
    terms, by = read_terms(arguments, context)

    def streamed() -> Iterator[Results]:
        run: Optional[_Run] = None
        for chunk in chunks:
            if run is None:  # a wildcard matches the fields of the first chunk
                found = expand(terms, chunk.fields, by)
                make = partial(Group, found, options.get("allnum", False))
                if window or seconds is not None:
                    memory = _Window(make, options.get("global", True), window or MAX_WINDOW, seconds, arguments)
                else:
                    memory = _Totals(make)
                run = _Run(by, memory, options.get("current", True), options.get("reset_on_change", False), conditions)
            rows = [run.extended(row) for row in chunk.rows]
            yield Results(with_fields(chunk.fields, [term.output for term in found], rows), rows)

    return streamed()


def _no_expression(text: str) -> None:
    """Refuses what remains of reset_before and reset_after: it is not an expression in quotes."""
    raise ValueError(text)


def _seconds(spec: str, arguments: Arguments, context: Context) -> float:
    span = time_span(spec, context.host.clock.zone)
    if isinstance(span, Seconds):
        return float(span.length)
    if isinstance(span, Days):
        return span.count * 86400.0
    raise arguments.error("time_window must be a valid time span.")


Summary = Dict[str, Value]


class _Totals:
    """All rows of a group since the last reset."""

    def __init__(self, make: Callable[[], Group]):
        self.groups: DefaultDict[Key, Group] = defaultdict(make)

    def clear(self) -> None:
        self.groups.clear()

    def add(self, key: Key, row: Row) -> None:
        self.groups[key].add(row)

    def summary(self, key: Key) -> Summary:
        return self.groups[key].results()


class _Window:
    """The last rows, of all groups if `shared`, else of each group: at most `size`, from the last `seconds`."""

    def __init__(
        self, make: Callable[[], Group], shared: bool, size: int, seconds: Optional[float], arguments: Arguments
    ):
        self.make, self.shared, self.size, self.seconds, self.arguments = make, shared, size, seconds, arguments
        self.rows: Dict[Key, Deque[Tuple[Key, Row]]] = {}
        self.direction = 0.0

    def clear(self) -> None:
        self.rows.clear()

    def _of(self, key: Key) -> Deque[Tuple[Key, Row]]:
        return self.rows.setdefault(() if self.shared else key, deque(maxlen=self.size))

    def add(self, key: Key, row: Row) -> None:
        rows = self._of(key)
        if self.seconds is not None and rows:
            step = time_of(row) - time_of(rows[-1][1])
            if step * self.direction < 0:
                raise self.arguments.error(
                    "time_window can only be used on input that is sorted in time order (both ascending and descending "
                    "order are ok)."
                )
            self.direction = self.direction or step
            while rows and abs(time_of(row) - time_of(rows[0][1])) >= self.seconds:
                rows.popleft()
        rows.append((key, row))

    def summary(self, key: Key) -> Summary:
        group = self.make()
        for of, row in self._of(key):
            if of == key:
                group.add(row)
        return group.results()


class _Run:
    """One pass over the rows."""

    def __init__(
        self,
        by: List[str],
        memory: Union[_Totals, _Window],
        current: bool,
        reset_on_change: bool,
        conditions: Dict[str, Callable[[Row], Any]],
    ):
        self.by, self.memory, self.current, self.reset_on_change = by, memory, current, reset_on_change
        self.conditions = conditions
        self.last: Optional[List[Key]] = None

    def extended(self, row: Row) -> Row:
        """The row with the statistics up to it. A row that lacks a BY field gets none and changes none."""
        keys = groups_of(row, self.by)
        if not keys:
            return row
        if self._holds("reset_before", row) or (self.reset_on_change and self.last not in (None, keys)):
            self.memory.clear()
        self.last = keys
        if self.current:
            self._add(keys, row)
        found = {**row, **self.memory.summary(keys[0])}
        if not self.current:
            self._add(keys, row)
        if self._holds("reset_after", found):
            self.memory.clear()
        return found

    def _add(self, keys: List[Key], row: Row) -> None:
        for key in keys:
            self.memory.add(key, row)

    def _holds(self, name: str, row: Row) -> bool:
        return name in self.conditions and self.conditions[name](row) is True
