"""What one search sees of splunkd. Implements spl.host.Host for a user in an app.

Knowledge Manager Manual, "Object permissions"; authorize.conf.spec, srchIndexesAllowed; transforms.conf.spec.
"""

import csv
import io
import json
import time
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Tuple

from .limits import Limits
from .refusal import Refusal
from .runner.command import Command, SearchInfo
from .spl.host import Macro
from .stores.conf import NOBODY, Stanza, is_true, props_for
from .stores.events import Event
from .stores.kvstore import LARGEST_KEPT_CHARS, MAX_DOCUMENTS_PER_BATCH_SAVE, STARTING, Collection
from .values import Row, SplError, as_list, from_list, number, text

DEFAULT_MAX_MATCHES = 1_000
_CAPABILITIES = {
    "collect": "run_collect",
    "inputlookup": "input_file",
    "outputlookup": "output_file",
    "rest": "rest_access_server_endpoints",
}
"""The capabilities that commands require, from authorize.conf.spec. It does not say which endpoints of the rest command
concern the server, so all of them do.
"""


class SearchHost:
    """One search job's view. `job` is what its custom commands report to."""

    def __init__(self, splunkd, job):
        self._splunkd, self._job = splunkd, job
        self.clock, self.app, self.owner, self.others = splunkd.clock, job.app, job.owner, job.others
        self.sid, self.search, self.earliest, self.latest = job.sid, job.search, job.earliest, job.latest
        self._confs: Dict[str, Dict[str, Stanza]] = {}
        self._found: Dict[Tuple[str, str], Optional[Stanza]] = {}
        self.expressions: Dict[str, Callable[[Row], Any]] = {}
        self.calls: Dict[str, str] = {}

    @cached_property
    def limits(self) -> Limits:
        stanzas = self._splunkd.confs.stanzas("limits", self.app)
        return Limits({name: stanza.settings for name, stanza in stanzas.items()})

    def allow(self, command: str) -> None:
        capability = _CAPABILITIES.get(command, "")
        if capability and capability not in self._job.session.capabilities:
            raise SplError(
                "You do not have a role with the capability='%s' required to run this command='%s'. Contact "
                "your Splunk administrator to request this capability." % (capability, command)
            )

    def scan(self, indexes: Sequence[str], earliest: Optional[float], latest: Optional[float]) -> Iterator[Row]:
        events = self._splunkd.events
        allowed = set(events.selected(self._allowed_indexes()))
        return events.scan([name for name in events.selected(indexes) if name in allowed], earliest, latest)

    def _allowed_indexes(self) -> List[str]:
        roles = [self._splunkd.confs.stanza("authorize", None, "role_" + role) for role in self._job.session.roles]
        return [
            pattern.strip()
            for role in roles
            if role
            for pattern in role.settings.get("srchIndexesAllowed", "").split(";")
            if pattern.strip()
        ]

    def props(self, sourcetype: str, source: str, host: str) -> Dict[str, str]:
        return props_for(self._stanzas("props", NOBODY), sourcetype, source, host)

    def _stanzas(self, conf: str, user: str) -> Dict[str, Stanza]:
        """The configuration at the search's first request: a search's process loads its configuration once."""
        if conf not in self._confs:
            self._confs[conf] = self._splunkd.confs.stanzas(conf, self.app, user)
        return self._confs[conf]

    def macro(self, name: str, arguments: int) -> Optional[Macro]:
        stanza = self._readable("macros", "%s(%d)" % (name, arguments) if arguments else name)
        if stanza is None:
            return None
        settings = stanza.settings
        names = [each.strip() for each in settings.get("args", "").split(",") if each]
        return Macro(
            settings.get("definition", ""),
            names,
            is_true(settings.get("iseval", "0")),
            settings.get("validation", ""),
            settings.get("errormsg", ""),
        )

    def lookup(self, name: str):
        """A lookup definition, or one of the app's CSV files by name."""
        stanza = self._readable("transforms", name)
        if stanza is not None:
            return self._defined(stanza)
        if not name.endswith(".csv") or "/" in name:
            return None
        return CsvLookup(self._splunkd.confs.folder(self.app) / "lookups" / name, {})

    def _defined(self, stanza: Stanza):
        settings = stanza.settings
        if settings.get("external_type") == "kvstore":
            check = {
                "read": lambda: self._check("read", stanza, settings["collection"]),
                "write": lambda: self._check("write", stanza, settings["collection"]),
            }
            try:
                collection = self._splunkd.kvstore.collection(stanza.app, settings["collection"], NOBODY)
            except Refusal as refusal:
                raise SplError(
                    "External command based lookup '%s' is not available because %s"
                    % (
                        stanza.name,
                        "KV Store initialization has not completed yet."
                        if self._splunkd.kvstore.status == STARTING
                        else refusal.text,
                    )
                ) from None
            return KvLookup(collection, settings, check)
        if "filename" in settings:
            return CsvLookup(self._splunkd.confs.folder(stanza.app) / "lookups" / settings["filename"], settings)
        raise SplError("The lookup '%s' is of a kind that is not known here." % stanza.name)

    def _check(self, right: str, stanza: Stanza, collection: str) -> None:
        access = self._splunkd.confs.access("collections", collection, stanza.app)
        if not self._may(access.may_read if right == "read" else access.may_write):
            raise SplError("You do not have permission to %s the collection '%s'." % (right, collection))

    def command(self, name: str) -> Optional[Command]:
        stanza = self._readable("commands", name)
        if stanza is None:
            return None
        if "run_custom_command" not in self._job.session.capabilities:
            raise SplError(
                "You do not have a role with the capability='run_custom_command' required to run this "
                "command='%s'. Contact your Splunk administrator to request this capability." % name
            )
        info = SearchInfo(
            sid=self.sid,
            search=self.search,
            app=self.app,
            owner=self.owner,
            session_key=self._job.session.key,
            splunkd_uri=self._splunkd.management_url,
            splunk_version=self._splunkd.release.version,
            dispatch_dir=self._job.dispatch_dir,
            earliest=self.earliest,
            latest=self.latest,
        )
        return Command(
            name,
            stanza.settings,
            self._splunkd.confs.folder(stanza.app),
            self._splunkd.pythons.for_settings(stanza.settings),
            self._splunkd.environment,
            info,
            self._job,
            self._splunkd.pythons.start,
        )

    def rest(self, path: str, parameters: Dict[str, str]) -> List[Row]:
        try:
            entries = self._splunkd.call_rest(self._job.session, path, parameters)
        except Refusal as refusal:
            raise SplError("Failed to fetch REST endpoint uri=%s from server: %s" % (path, refusal.text)) from None
        return [_row_of(entry) for entry in entries]

    def collect(self, rows: Iterable[Row], index: str, source: str, sourcetype: str, host: str, testmode: bool) -> None:
        if testmode:
            return
        try:
            self._splunkd.events.add(
                Event(str(row["_raw"]), number(row.get("_time")) or time.time(), index, host, source, sourcetype)
                for row in rows
            )
        except Refusal as refusal:
            raise SplError(refusal.text) from None

    def message(self, level: str, text: str) -> None:
        self._job.message(level, text)

    def _readable(self, conf: str, name: str) -> Optional[Stanza]:
        """The stanza as at the first request, if readable: a search asks for some macros a hundred times."""
        if (conf, name) not in self._found:
            self._found[conf, name] = self._read(conf, name)
        return self._found[conf, name]

    def _read(self, conf: str, name: str) -> Optional[Stanza]:
        stanza = self._stanzas(conf, self.owner).get(name)
        if stanza is None or is_true(stanza.settings.get("disabled", "0")):
            return None
        is_own = stanza.user != NOBODY
        return stanza if is_own or self._may(self._splunkd.confs.access(conf, name, stanza.app).may_read) else None

    def _may(self, allows: Callable[[FrozenSet[str]], bool]) -> bool:
        session = self._job.session
        return "admin_all_objects" in session.capabilities or allows(session.roles)


def _row_of(entry: dict) -> Row:
    """An entry of the REST API as the rest command returns it."""
    row: Row = {"title": entry["name"], "id": entry["id"], "author": entry["author"], "updated": entry["updated"]}
    flat = {**entry["content"], **{"eai:acl." + name: value for name, value in entry["acl"].items()}}
    for name, value in list(flat.items()):
        if isinstance(value, dict):
            flat.update({"%s.%s" % (name, inner): each for inner, each in value.items()})
            del flat[name]
    for name, value in flat.items():
        cell = _cell(value)
        if cell is not None:
            row[name] = cell
    return row


def _cell(value: Any):
    """A JSON value as a field."""
    if type(value) is str:
        return value
    if isinstance(value, list):
        return from_list([str(each) for each in value if each is not None])
    if isinstance(value, bool):
        return "1" if value else "0"
    return value if value is None or isinstance(value, (int, float)) else str(value)


def _row(document: str, fields: Tuple[str, ...]) -> Row:
    """A document of a KV store collection, as a lookup's record."""
    found = json.loads(document)
    return {name: cell for name in fields if name in found and (cell := _cell(found[name])) is not None}


_known_row = lru_cache(maxsize=20_000)(_row)


@lru_cache(maxsize=100)
def _csv(path: Path, version: tuple) -> Tuple[List[str], List[Row]]:
    """The names and rows in this version of a file."""
    lines = csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
    names = next(lines, [])
    return names, [{name: cell for name, cell in zip(names, cells) if cell} for cells in lines]


class CsvLookup:
    """A CSV file in an app's lookups folder."""

    kind = "csv"

    def __init__(self, path: Path, settings: Dict[str, str]):
        self._path = path
        self.max_matches = int(settings.get("max_matches", DEFAULT_MAX_MATCHES))
        self.case_sensitive = is_true(settings.get("case_sensitive_match", "true"))

    @property
    def fields(self) -> List[str]:
        return list(self._read()[0])

    def rows(self, query: Optional[dict] = None) -> Iterator[Row]:
        return iter(self._read()[1])

    def _read(self) -> Tuple[List[str], List[Row]]:
        try:
            status = self._path.stat()
            return _csv(self._path, (status.st_mtime_ns, status.st_size, status.st_ino))
        except FileNotFoundError:
            raise SplError("The lookup table '%s' does not exist or is not available." % self._path.name) from None

    def write(self, rows: Iterable[Row], append: bool, key_field: Optional[str]) -> None:
        """With `append`, writes after the existing rows, in the existing columns."""
        rows = list(rows)
        names = list(dict.fromkeys(name for row in rows for name in row if not name.startswith("_")))
        if append and self._path.exists():
            names, rows = self.fields, [*self.rows(), *rows]
        fresh = self._path.with_suffix(".new")
        fresh.parent.mkdir(exist_ok=True)
        with open(fresh, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows(["\n".join(map(text, as_list(row.get(name)))) for name in names] for row in rows)
        fresh.replace(self._path)


class KvLookup:
    """A KV store collection, through its lookup definition. `check` refuses users who may not read or write it."""

    kind = "kvstore"

    def __init__(self, collection: Collection, settings: Dict[str, str], check: Dict[str, Any]):
        self._collection, self._check = collection, check
        self.fields = [name.strip() for name in settings.get("fields_list", "").split(",")]
        self.max_matches = int(settings.get("max_matches", DEFAULT_MAX_MATCHES))
        self.case_sensitive = is_true(settings.get("case_sensitive_match", "true"))

    def rows(self, query: Optional[dict] = None) -> Iterator[Row]:
        self._check["read"]()
        fields = tuple(self.fields)
        return (
            _known_row(document, fields) if len(document) <= LARGEST_KEPT_CHARS else _row(document, fields)
            for document in self._collection.texts(query)
        )

    def write(self, rows: Iterable[Row], append: bool, key_field: Optional[str]) -> None:
        """Replaces all documents, or with `append` or a key field only those with the rows' keys."""
        self._check["write"]()
        documents = [self._document(row, key_field) for row in rows]
        if not append and not key_field:
            self._collection.delete()
        try:
            for start in range(0, len(documents), MAX_DOCUMENTS_PER_BATCH_SAVE):
                self._collection.save(documents[start : start + MAX_DOCUMENTS_PER_BATCH_SAVE])
        except Refusal as refusal:
            raise SplError(refusal.text) from None

    def _document(self, row: Row, key_field: Optional[str]) -> Dict[str, Any]:
        document = {name: self._typed(name, row[name]) for name in self.fields if name in row and name != "_key"}
        key = row.get(key_field or "_key")
        return {**document, "_key": text(as_list(key)[0])} if key is not None else document

    def _typed(self, name: str, value: Any) -> Any:
        kind = self._collection.fields.get(name)
        if kind in ("number", "time"):
            return number(value) if number(value) is not None else value
        if kind == "bool":
            return is_true(text(as_list(value)[0]))
        return [text(each) for each in value] if isinstance(value, list) else text(value)
