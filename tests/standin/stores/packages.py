"""Unpacks an app's package into etc/apps.

Splunk's "Package apps for Splunk Cloud or Splunk Enterprise"; app.conf.spec. An upgrade keeps what users have made:
local/, metadata/local.meta, and lookup files that the package does not contain.
"""

import gzip
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Dict, List, NamedTuple, Optional

from ksconf.conf.parser import PARSECONF_STRICT_NC, ConfParserException, parse_conf

from ..refusal import Refusal
from ..runner.kinds import declared
from ..settings import check, check_meta
from .conf import file_version

_BYTECODE = Path(__file__).resolve().parents[3] / "build" / "bytecode"


class _Installed(NamedTuple):
    """What a package's installation consists of, by paths in the app's folder."""

    app: Path
    folders: List[str]
    files: Dict[str, Optional[tuple]]
    """Their versions (file_version)."""
    links: Dict[str, str]


_installed: Dict[tuple, _Installed] = {}
"""By an archive's path and version, an installation of it by this process."""


def install(etc: Path, archive: Path, update: bool) -> str:
    """Installs a package. Returns the app's name.

    Raises:
        Refusal: the file is not a package, or the app exists and `update` is off.
    """
    apps = etc / "apps"
    with tempfile.TemporaryDirectory(dir=etc, prefix=".bundle_tmp_") as folder:
        version = (archive, file_version(str(archive)))
        known = _installed.get(version)
        unpacked = known and _linked(known, Path(folder) / "linked")
        if not unpacked:
            unpacked = _unpacked(archive, Path(folder) / "unpacked")
            _check(unpacked)
            _share_bytecode(unpacked)
            known = _contents(unpacked)._replace(app=apps / unpacked.name)
        app = unpacked.name
        if (apps / app).exists():
            if not update:
                raise Refusal(409, "App '%s' already exists; use the \"update\" argument to install anyway." % app)
            _keep(apps / app, unpacked)
            (apps / app).replace(Path(folder) / "former")
        unpacked.replace(apps / app)
    _installed[version] = known
    return app


def _contents(app: Path) -> _Installed:
    found = _Installed(app, [], {}, {})
    for folder, folders, files in os.walk(app):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            within = os.path.relpath(path, app)
            if os.path.islink(path):
                found.links[within] = os.readlink(path)
            elif name in files:
                found.files[within] = file_version(path)
            else:
                found.folders.append(within)
    return found


def _linked(known: _Installed, folder: Path) -> Optional[Path]:
    """A package that was checked and installed before, with hard links to that installation's files: to create files
    takes ten times as long. None if those are not what they were, or are on another file system.
    """
    app = folder / known.app.name
    try:
        for path in ("", *known.folders):
            os.makedirs(os.path.join(app, path))
        for path, version in known.files.items():
            installed = os.path.join(known.app, path)
            if file_version(installed) != version:
                return None
            os.link(installed, os.path.join(app, path))
        for path, target in known.links.items():
            os.symlink(target, os.path.join(app, path))
    except OSError:
        return None
    return app


def _unpacked(archive: Path, folder: Path) -> Path:
    """Unpacks into `folder`. Returns the app's folder in it."""

    def refuse(why: str) -> Refusal:
        return Refusal(
            400, "Error during app install: failed to extract app from %s to %s: %s" % (archive, folder, why)
        )

    try:
        whole = gzip.decompress(archive.read_bytes())  # all of it, to notice a truncated file
        with tarfile.open(fileobj=io.BytesIO(whole), mode="r:") as tar:
            members = tar.getmembers()
            for member in members:
                _check_member(member)
            tops = {PurePosixPath(member.name).parts[0] for member in members}
            if len(tops) != 1:
                raise refuse("it must have one folder at the top, it has %s" % (", ".join(sorted(tops)) or "none"))
            for member in members:
                target = folder / member.name
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(tar.extractfile(member).read())
                    target.chmod(member.mode & 0o777)
                    os.utime(target, (member.mtime, member.mtime))
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        raise refuse(str(error)) from None
    return folder / tops.pop()


def _share_bytecode(app: Path) -> None:
    """Has Python find what it compiled for earlier installations: to compile an app's libraries takes it a second.

    Python takes bytecode for current while its source has the same size and time. So this is only for a package that
    makes each file's time of its content (package.sh).
    """
    sources = list(app.rglob("*.py"))
    if all(source.stat().st_mtime == zlib.crc32(source.read_bytes()) % 2**30 for source in sources):
        for folder in {source.parent for source in sources}:
            kept = _BYTECODE / folder.relative_to(app.parent)
            kept.mkdir(parents=True, exist_ok=True)
            (folder / "__pycache__").symlink_to(kept)


def _check_member(member: tarfile.TarInfo) -> None:
    """Checks a member of the archive.

    Raises:
        ValueError: it cannot be part of an app.
    """
    parts = member.name.split("/")
    if not (member.isfile() or member.isdir()):
        raise ValueError("%s is neither a file nor a folder" % member.name)
    if "" in parts or "." in parts or ".." in parts:
        raise ValueError("%s is not a valid path in a package" % member.name)
    if len(parts) == 1 and not member.isdir():
        raise ValueError("%s is not in the app's folder" % member.name)
    if parts[1:2] == ["local"] or parts[1:] == ["metadata", "local.meta"]:
        raise ValueError("%s: a package must not contain what is local to an installation" % member.name)
    if member.mode & 0o600 != 0o600:
        raise ValueError("%s has mode %o: its owner must be able to read and write it" % (member.name, member.mode))


def _check(unpacked: Path) -> None:
    """Checks that app.conf exists and agrees with the folder's name, and that all .conf files can be read."""
    app = unpacked.name
    if not (unpacked / "default" / "app.conf").is_file():
        raise Refusal(400, "Error during app install: the app '%s' has no default/app.conf." % app)
    for path in [*(unpacked / "default").glob("*.conf"), *(unpacked / "metadata").glob("*.meta")]:
        try:
            content: Dict[str, Dict[str, str]] = parse_conf(str(path), PARSECONF_STRICT_NC)
        except (ConfParserException, UnicodeDecodeError) as error:
            raise Refusal(400, "Error during app install: %s of the app '%s': %s" % (path.name, app, error)) from None
        _check_settings(unpacked, path, content)
        if path.name == "app.conf":
            for stanza, key in (("package", "id"), ("id", "name")):
                name = content.get(stanza, {}).get(key, app)
                if name != app:
                    raise Refusal(
                        400, "Error during app install: the app's folder is '%s', its app.conf says '%s'." % (app, name)
                    )


def _check_settings(unpacked: Path, path: Path, content: Dict[str, Dict[str, str]]) -> None:
    """Checks that the stand-in heeds all settings of a file."""
    inputs = declared(unpacked) if path.name == "inputs.conf" else {}
    for stanza, found in content.items():
        given = {key: value for key, value in found.items() if not key.startswith("#")}
        if path.suffix == ".meta":
            check_meta(path.name, stanza, given)
        else:
            check(path.stem, stanza, given, inputs.get(stanza.partition("://")[0], ()))


def _keep(former: Path, fresh: Path) -> None:
    if (former / "local").exists():
        shutil.copytree(former / "local", fresh / "local")
    if (former / "metadata" / "local.meta").exists():
        (fresh / "metadata").mkdir(exist_ok=True)
        shutil.copy2(former / "metadata" / "local.meta", fresh / "metadata")
    for lookup in (former / "lookups").glob("*"):
        if not (fresh / "lookups" / lookup.name).exists():
            (fresh / "lookups").mkdir(exist_ok=True)
            shutil.copy2(lookup, fresh / "lookups")
