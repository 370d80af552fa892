"""Configuration files: their layers, what one app sees of another, and changes, which go into local/.

Admin Manual, "Configuration file precedence"; default.meta.conf.spec. ksconf reads and writes the files. Private
settings of a user are in etc/users/USER/APP/local, above all other layers, and nobody else sees them.
"""

import fnmatch
import os
import re
import threading
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple
from urllib.parse import quote, unquote

from ksconf.conf.parser import GLOBAL_STANZA, PARSECONF_STRICT_NC, parse_conf, write_conf

from ..refusal import Refusal

SYSTEM, NOBODY = "system", "nobody"
Settings = Dict[str, str]
_ROLES = re.compile(r"(read|write)\s*:\s*\[([^\]]*)\]")


class Access(NamedTuple):
    """Which roles may read and write an object; "*" is everyone. `exported`: whether other apps see it.

    `above` are the readers of its app and of its kind in the app. Nobody else sees it either.
    """

    read: FrozenSet[str]
    write: FrozenSet[str]
    exported: bool
    owner: str = NOBODY
    above: Tuple[FrozenSet[str], ...] = ()

    def may_read(self, roles: FrozenSet[str]) -> bool:
        return all("*" in readers or readers & roles for readers in (*self.above, self.read))

    def may_write(self, roles: FrozenSet[str]) -> bool:
        return self.may_read(roles) and ("*" in self.write or bool(self.write & roles))


class Stanza(NamedTuple):
    """A stanza with all layers merged. `app` is the app of the highest layer; `removable` means that only local has it;
    `user` is the user to whom it is private, or nobody.
    """

    name: str
    settings: Settings
    app: str
    removable: bool
    user: str = NOBODY


class Confs:
    """`etc` contains the folders system, users and apps. Each app has default, local and metadata."""

    def __init__(self, etc: Path):
        self._etc = etc
        self._apps, self._system = str(etc / "apps"), str(etc / SYSTEM)
        self._lock = threading.RLock()
        self._parsed: Dict[str, Tuple[tuple, Dict[str, Settings]]] = {}
        self._merged: Dict[tuple, Tuple[tuple, Dict[str, Stanza]]] = {}
        self._accesses: Dict[tuple, Tuple[tuple, Access]] = {}

    def folder(self, app: str, user: str = NOBODY) -> Path:
        if user != NOBODY:
            return self._etc / "users" / user / app
        return self._etc / SYSTEM if app == SYSTEM else self._etc / "apps" / app

    def apps(self) -> List[str]:
        """The installed apps, including disabled ones."""
        return sorted(path.name for path in (self._etc / "apps").iterdir() if not path.name.startswith("."))

    def users(self) -> List[str]:
        """The users who have something private."""
        return sorted(path.name for path in (self._etc / "users").glob("*"))

    def is_disabled(self, app: str) -> bool:
        install: Settings = {}
        for layer in ("default", "local"):
            install.update(self._read(self.folder(app) / layer / "app.conf").get("install", {}))
        return install.get("state", "enabled").strip() == "disabled"

    def names(self, app: str) -> List[str]:
        """The confs of which the app sees a file."""
        folders = [self.folder(each) / layer for each in [SYSTEM, *self.apps()] for layer in ("default", "local")]
        names = {path.stem for folder in folders for path in folder.glob("*.conf")}
        return sorted(name for name in names if self.exists(name, app))

    def exists(self, conf: str, app: Optional[str]) -> bool:
        return any(
            path.is_file()
            for path, owner in self._layers(conf, app)
            if owner in (app, SYSTEM) or self._exports_any(conf, owner)
        )

    def stanzas(self, conf: str, app: Optional[str] = None, user: str = NOBODY) -> Dict[str, Stanza]:
        """What a user's search or request sees in this app. Without an app: what splunkd itself uses (for inputs, for
        example).

        [default] is part of every stanza, and is not one itself.
        """
        return dict(self.shared(conf, app, user))

    def shared(self, conf: str, app: Optional[str] = None, user: str = NOBODY) -> Dict[str, Stanza]:
        """The same, as one object as long as the files are the same. Nobody may change it."""
        seen, version = (conf, app, user), self._version(conf, app, user)
        known = self._merged.get(seen)
        if known is None or known[0] != version:
            known = self._merged[seen] = version, self._merge(conf, app, user)
        return known[1]

    def _version(self, conf: str, app: Optional[str], user: str) -> tuple:
        """A version for all files that determine what this app sees of a conf. Checking it is much faster than
        merging.
        """
        apps, file = os.listdir(self._apps), conf + ".conf"
        files = ["%s/%s/%s" % (self._system, layer, file) for layer in ("default", "local")]
        for each in apps:
            for name in _APP_FILES:
                files.append("%s/%s/%s" % (self._apps, each, name))
            for layer in ("default", "local"):
                files.append("%s/%s/%s/%s" % (self._apps, each, layer, file))
        if app is not None and user != NOBODY:
            files.append("%s/users/%s/%s/local/%s" % (self._etc, user, app, file))
        return (tuple(apps), *map(file_version, files))

    def _merge(self, conf: str, app: Optional[str], user: str) -> Dict[str, Stanza]:
        merged: Dict[str, Stanza] = {}
        default: Settings = {}
        for path, owner in self._layers(conf, app, user):
            private = user if path.parent.parent == self.folder(app or "", user) else NOBODY
            local = path.parent.name == "local"
            for name, settings in self._read(path).items():
                if name == "default":
                    if app is None or owner in (app, SYSTEM):
                        default.update(settings)
                    continue
                if app is not None and owner not in (app, SYSTEM) and not self.access(conf, name, owner).exported:
                    continue
                below = merged.get(name)
                merged[name] = Stanza(
                    name,
                    {**below.settings, **settings} if below else dict(settings),
                    owner,
                    private != NOBODY or (local and (below is None or below.removable)),
                    private,
                )
        return {name: stanza._replace(settings={**default, **stanza.settings}) for name, stanza in merged.items()}

    def stanza(self, conf: str, app: Optional[str], name: str, user: str = NOBODY) -> Optional[Stanza]:
        return self.shared(conf, app, user).get(name)

    def private(self, conf: str, app: str, name: str, user: str) -> Settings:
        """The settings of a stanza in a user's own layer alone."""
        return self._read(self.folder(app, user) / "local" / (conf + ".conf")).get(name, {})

    def write(self, conf: str, app: str, name: str, settings: Settings, user: str = NOBODY) -> None:
        """Writes settings to the local layer of the app, or of a user in it. The stanza need not exist.

        Raises:
            Refusal: a value ends with a backslash, which a .conf file cannot express.
        """
        fresh = {}
        for key, value in settings.items():
            fresh[key] = "\n".join(re.split(r"\r\n?|\n", value.strip()))
            if value.strip().endswith("\\"):
                raise Refusal(400, "The value of '%s' must not end with a backslash." % key)
        with self._lock:
            path = self.folder(app, user) / "local" / (conf + ".conf")
            content = dict(self._read(path)) if path.is_file() else {}
            content[name] = {**content.get(name, {}), **fresh}
            self._save(path, content)

    def create(self, conf: str, app: str) -> None:
        """Makes a file without stanzas in local/ of an app, if the app has none."""
        with self._lock:
            path = self.folder(app) / "local" / (conf + ".conf")
            if not path.exists():
                self._save(path, {})

    def remove(self, conf: str, app: str, name: str, user: str = NOBODY) -> None:
        """Removes a stanza from local/, with its permissions.

        Raises:
            Refusal: it is not in local/, or it is also in default/.
        """
        with self._lock:
            stanza = self.stanza(conf, app, name, user)
            if stanza is None:
                raise Refusal(404, "Could not find object id=%s" % name)
            if not stanza.removable:
                raise Refusal(403, 'Cannot remove stanza "%s": it is defined in the default of an app' % name)
            path = self.folder(stanza.app, stanza.user) / "local" / (conf + ".conf")
            self._save(path, {each: settings for each, settings in self._read(path).items() if each != name})
            meta = self.folder(stanza.app) / "metadata" / "local.meta"
            if stanza.user == NOBODY and _meta_name(conf, name) in self._read(meta):
                self._save(
                    meta,
                    {each: settings for each, settings in self._read(meta).items() if each != _meta_name(conf, name)},
                )

    def access(self, kind: str = "", name: str = "", app: str = SYSTEM) -> Access:
        """An object's permissions: its own, else its kind's, else the app's. Without a kind, the app's."""
        folder = self._system if app == SYSTEM else "%s/%s" % (self._apps, app)
        files = ["%s/metadata/%s" % (folder, file) for file in ("default.meta", "local.meta")]
        asked, version = (kind, name, app), tuple(map(file_version, files))
        known = self._accesses.get(asked)
        if known is None or known[0] != version:
            known = self._accesses[asked] = version, self._access(kind, name, app, files)
        return known[1]

    def _access(self, kind: str, name: str, app: str, files: List[str]) -> Access:
        merged: Settings = {}
        readers: List[FrozenSet[str]] = []
        layers = [self._read(Path(file)) for file in files]
        for key in ("", kind, "%s/%s" % (kind, name)):
            for layer in layers:
                for stanza, settings in layer.items():
                    if unquote(stanza) == key:
                        merged.update(settings)
            roles = {
                right: frozenset(role.strip() for role in names.split(",") if role.strip())
                for right, names in _ROLES.findall(merged.get("access", "read : [ * ], write : [ admin ]"))
            }
            readers.append(roles.get("read", frozenset()))
        return Access(
            readers[-1],
            roles.get("write", frozenset()),
            app == SYSTEM or merged.get("export", "none") == SYSTEM,
            merged.get("owner", NOBODY),
            tuple(readers[:-1]),
        )

    def set_access(self, kind: str, name: str, app: str, access: Access) -> None:
        with self._lock:
            path = self.folder(app) / "metadata" / "local.meta"
            content = dict(self._read(path))
            content[_meta_name(kind, name)] = {
                "access": "read : [ %s ], write : [ %s ]"
                % tuple(", ".join(sorted(roles)) for roles in (access.read, access.write)),
                "export": SYSTEM if access.exported else "none",
                "owner": access.owner,
            }
            self._save(path, content)

    def _exports_any(self, conf: str, app: str) -> bool:
        files = [self.folder(app) / layer / (conf + ".conf") for layer in ("default", "local")]
        return any(self.access(conf, name, app).exported for file in files for name in self._read(file))

    def _layers(self, conf: str, app: Optional[str], user: str = NOBODY) -> Iterator[Tuple[Path, str]]:
        """The files, each with its app, from the lowest precedence to the highest."""
        file = conf + ".conf"
        others = [each for each in reversed(self.apps()) if each != app and not self.is_disabled(each)]
        order = [(SYSTEM, "default")]
        if app is None:
            order += [(each, layer) for layer in ("default", "local") for each in others] + [(SYSTEM, "local")]
        else:
            order += [(SYSTEM, "local")] + [(each, layer) for each in others for layer in ("default", "local")]
            order += [(app, layer) for layer in ("default", "local")] if app != SYSTEM else []
        for owner, layer in order:
            yield self.folder(owner) / layer / file, owner
        if app is not None and user != NOBODY:
            yield self.folder(app, user) / "local" / file, app

    def _read(self, path: Path) -> Dict[str, Settings]:
        name = str(path)
        with self._lock:
            version = file_version(name)
            if version is None:
                return {}
            if name not in self._parsed or self._parsed[name][0] != version:
                content = parse_conf(name, PARSECONF_STRICT_NC)
                outside = content.pop(GLOBAL_STANZA, {})  # settings outside any stanza are the same as in [default]
                if outside:
                    content["default"] = {**outside, **content.get("default", {})}
                self._parsed[name] = (version, content)
            return self._parsed[name][1]

    def _save(self, path: Path, content: Dict[str, Settings]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        write_conf(str(fresh), content)
        fresh.replace(path)


_APP_FILES = ("default/app.conf", "local/app.conf", "metadata/default.meta", "metadata/local.meta")
"""These files say whether an app is disabled, and what it exports."""


def file_version(path: str) -> Optional[tuple]:
    """A value that changes when the file does; None if there is no file."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _meta_name(kind: str, name: str) -> str:
    return "%s/%s" % (kind, quote(name, safe=""))


def matches_source(pattern: str, source: str) -> bool:
    """props.conf's [source::PATTERN]: "..." is any text, "*" any text without a slash."""
    parts = ["[^/\\\\]*".join(re.escape(part) for part in each.split("*")) for each in pattern.split("...")]
    return re.fullmatch(".*".join(parts), source) is not None


def props_for(stanzas: Dict[str, Stanza], sourcetype: str, source: str, host: str) -> Settings:
    """The merged settings of an event's source type, host and source. The source's win, then the host's.

    props.conf.spec, "[<spec>]".
    """
    settings = dict(stanzas[sourcetype].settings) if sourcetype in stanzas else {}
    for prefix, matches in (
        ("host::", lambda pattern: fnmatch.fnmatchcase(host, pattern)),
        ("source::", lambda pattern: matches_source(pattern, source)),
    ):
        for name, stanza in stanzas.items():
            if name.startswith(prefix) and matches(name[len(prefix) :]):
                settings.update(stanza.settings)
    return settings


def is_true(value: str) -> bool:
    """A boolean setting, in any of splunkd's spellings."""
    return value.strip().lower() in ("1", "t", "true", "y", "yes", "on", "enabled")
