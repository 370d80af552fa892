"""What the search language needs from the rest of splunkd. It gets this from nowhere else."""

from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Protocol, Sequence

from ..clock import Clock
from ..limits import Limits
from ..values import Results, Row


class Macro(NamedTuple):
    """A search macro from macros.conf."""

    definition: str
    args: Sequence[str] = ()
    iseval: bool = False
    validation: str = ""
    errormsg: str = ""


class LookupTable(Protocol):
    """A lookup definition and its data."""

    fields: List[str]
    kind: str  # "csv" or "kvstore"
    max_matches: int
    case_sensitive: bool

    def rows(self, query: Optional[dict] = None) -> Iterable[Row]:
        """The records, which nobody may change. `query` is in KV store's query language, for kind "kvstore"."""
        ...

    def write(self, rows: Iterable[Row], append: bool, key_field: Optional[str]) -> None: ...


class ExternalCommand(Protocol):
    """A custom search command of an app, visible here."""

    generating: bool

    def run(self, arguments: List[str], chunks: Iterator[Results]) -> Iterator[Results]:
        """Runs the command. `arguments` are as typed, with their quotes.

        Raises:
            SplError: in splunkd's words.
        """
        ...


class Host(Protocol):
    """One search's view of splunkd. Times are epoch seconds, and None is no bound."""

    clock: Clock
    limits: Limits
    others: FrozenSet[str]
    """The choices (see choices) that this host answers the other way."""
    expressions: Dict[str, Callable[[Row], Any]]
    """The search's expressions that mean something of their own in each search, as functions of a row."""
    calls: Dict[str, str]
    """What the macro calls of this search stand for, as far as they are expanded."""
    app: str
    owner: str
    sid: str
    search: str
    earliest: Optional[float]
    latest: Optional[float]

    def allow(self, command: str) -> None:
        """Checks that the user may run a command.

        Raises:
            SplError: the user may not run a command of this name.
        """
        ...

    def scan(self, indexes: Sequence[str], earliest: Optional[float], latest: Optional[float]) -> Iterator[Row]:
        """Events, newest first: _raw, _time, _indextime, index, host, source, sourcetype, splunk_server, _cd, _bkt."""
        ...

    def props(self, sourcetype: str, source: str, host: str) -> Dict[str, str]: ...

    def macro(self, name: str, arguments: int) -> Optional[Macro]: ...

    def lookup(self, name: str) -> Optional[LookupTable]: ...

    def command(self, name: str) -> Optional[ExternalCommand]: ...

    def rest(self, path: str, parameters: Dict[str, str]) -> List[Row]: ...

    def collect(
        self, rows: Iterable[Row], index: str, source: str, sourcetype: str, host: str, testmode: bool
    ) -> None: ...

    def message(self, level: str, text: str) -> None: ...
