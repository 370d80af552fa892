"""The parts of splunkd that a search of the compliance tests needs: macros, lookups and events in memory."""

from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence

from tests.standin.clock import Clock
from tests.standin.limits import Limits
from tests.standin.spl.host import Macro
from tests.standin.values import Row, SplError, text

NOW = 1_700_000_000  # 2023-11-14T22:13:20Z


class Lookup:
    """A lookup in memory that counts its reads."""

    case_sensitive = True

    def __init__(self, fields: Sequence[str], rows: Sequence[Row], kind: str = "csv", max_matches: int = 1_000):
        self.fields, self.kind, self.max_matches = list(fields), kind, max_matches
        self._rows = [{name: row[name] for name in self.fields if row.get(name) is not None} for row in rows]

    def rows(self, query: Optional[dict] = None) -> List[Row]:
        return self._rows

    def write(self, rows, append: bool, key_field: Optional[str]) -> None:
        """Writes like to a CSV file: as texts, without internal fields, appending only in the existing columns."""
        if not append:
            self._rows, self.fields = (
                [],
                list(dict.fromkeys(name for row in rows for name in row if not name.startswith("_"))),
            )
        self._rows = [*self._rows, *({name: text(row[name]) for name in self.fields if name in row} for row in rows)]


class Host:
    """One search's view. `events` are raw texts, oldest first, a second apart, or rows with what differs."""

    app, owner, sid, search, earliest, latest = "search", "admin", "1", "", None, None

    def __init__(
        self,
        macros: Optional[Dict[str, Macro]] = None,
        lookups: Optional[Dict[str, Lookup]] = None,
        events: Sequence = (),
        props: Optional[Dict[str, str]] = None,
        rest: Optional[Dict[str, list]] = None,
        clock: Optional[Clock] = None,
        limits: Optional[Dict[str, Dict[str, str]]] = None,
        others: Iterable[str] = (),
    ):
        self._macros, self._lookups, self._events = macros or {}, lookups or {}, events
        self._props, self._rest = props or {}, rest or {}
        self.limits, self.others = Limits(limits or {}), frozenset(others)
        self.expressions: Dict[str, Callable[[Row], Any]] = {}
        self.calls: Dict[str, str] = {}
        self.clock = clock or Clock(lambda: float(NOW))
        self.messages: List[tuple] = []
        self.collected: List[Row] = []

    def allow(self, command: str) -> None:
        """Everybody may run everything."""

    def scan(self, indexes, earliest, latest) -> Iterator[Row]:
        for number, event in reversed(list(enumerate(self._events))):
            given = event if isinstance(event, dict) else {"_raw": event}
            row = {
                "_time": "%.3f" % (NOW - 1000 + number),
                "_indextime": str(NOW - 900 + number),
                "index": "main",
                "host": "h",
                "source": "s",
                "sourcetype": "st",
                "_cd": "1:%d" % number,
                **given,
            }
            in_range = (earliest is None or float(row["_time"]) >= earliest) and (
                latest is None or float(row["_time"]) < latest
            )
            if in_range and any(index in (row["index"], "*") for index in indexes):
                yield row

    def props(self, sourcetype: str, source: str, host: str) -> Dict[str, str]:
        return self._props

    def macro(self, name: str, arguments: int) -> Optional[Macro]:
        return self._macros.get("%s(%d)" % (name, arguments) if arguments else name)

    def lookup(self, name: str) -> Optional[Lookup]:
        return self._lookups.get(name)

    def command(self, name: str) -> None:
        return None

    def rest(self, path: str, parameters: Dict[str, str]) -> List[Row]:
        if path not in self._rest:
            raise SplError("Failed to fetch REST endpoint uri=%s from server: Not Found" % path)
        return self._rest[path]

    def collect(self, rows, index: str, source: str, sourcetype: str, host: str, testmode: bool) -> None:
        self.collected += (
            []
            if testmode
            else [{**row, "index": index, "source": source, "sourcetype": sourcetype, "host": host} for row in rows]
        )

    def message(self, level: str, text: str) -> None:
        self.messages.append((level, text))
