"""The files in the package, their names and modes, and that it depends only on the sources.

The rules are those of "Package apps for Splunk Cloud or Splunk Enterprise" (dev.splunk.com) and of AppInspect's
packaging standards. test_appinspect.py also applies the latter, but not to everything here.
"""

import functools
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import tarfile
import zipfile

import pytest

from tests.conftest import ROOT
from tests.package.conf import Conf
from tests.support.serving import serve

CONTENTS = [
    r"LICENSE|NOTICE|app\.manifest",
    r"README/[a-z_]+\.conf\.spec",
    r"appserver/static/([\w.-]+\.(js|css|png|svg)|(common|overview|setup|operations|journeys|help)/([a-z]+/)?[a-z_]+\.js|help/[a-z_.-]+\.(html|png|svg))",
    r"bin/(check_endpoint|segment_bridge_send|segmentcheck|segmentreceipts|segmentsend|usersignups|write_key)\.py",
    r"bin/segment_bridge/((delivery|users|receipts|splunk)/)?[a-z_]+\.py",
    r"default/[a-z_]+\.conf",
    r"default/data/ui/(nav|views)/[a-z_]+\.xml",
    r"default/data/ui/alerts/[a-z_]+\.html",
    r"kubernetes/[a-z_]+\.yaml",
    r"lib/requirements\.(in|txt)",
    r"lib/[\w/]+\.py",
    r"lib/certifi/cacert\.pem",
    r"lib/[\w.]+-[\w.]+\.dist-info/(METADATA|(licenses/)?LICENSE[\w.]*)",
    r"lookups/[a-z_]+\.csv",
    r"metadata/default\.meta",
    r"static/appIcon(Alt)?(_2x)?\.png",
]
"""Every file of the package, below segment_bridge/."""

MAX_UNPACKED_BYTES = 10_000_000


@pytest.fixture(scope="module")
def members(package):
    with tarfile.open(package) as archive:
        return archive.getmembers()


def test_everything_is_in_one_folder_named_like_the_app(members):
    assert members[0].name == "segment_bridge"
    assert all(member.name.startswith("segment_bridge/") for member in members[1:])


def test_it_contains_exactly_the_listed_files(members):
    allowed = re.compile("segment_bridge/(%s)" % "|".join(CONTENTS))
    assert [member.name for member in members if member.isfile() and not allowed.fullmatch(member.name)] == []
    assert all(member.isfile() or member.isdir() for member in members)


def test_modes_and_owner_are_the_same_for_all(members):
    assert {(member.isdir(), member.mode, member.uid, member.gid) for member in members} == {
        (True, 0o755, 0, 0),
        (False, 0o644, 0, 0),
    }


def test_it_is_small(members):
    assert sum(member.size for member in members) < MAX_UNPACKED_BYTES


def test_all_places_name_the_same_version(app, package):
    app_conf = Conf.read(app / "default/app.conf")
    version = app_conf["id"]["version"]
    manifest = json.loads((app / "app.manifest").read_text(encoding="utf-8"))
    source = (app / "bin/segment_bridge/__init__.py").read_text(encoding="utf-8")
    assert app_conf["launcher"]["version"] == version
    assert manifest["info"]["id"] == {"group": None, "name": "segment_bridge", "version": version}
    assert re.findall(r'^__version__ = "(.*)"$', source, re.MULTILINE) == [version]
    assert package.name == "segment_bridge-%s.tar.gz" % version


def test_libraries_are_the_pinned_ones(app):
    pinned = dict(
        re.findall(r"^([\w-]+)==(\S+)", (app / "lib/requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    )
    shipped = dict(folder.name[: -len(".dist-info")].split("-") for folder in (app / "lib").glob("*.dist-info"))
    sdk = re.search(
        r"__version_info__ = \((\d+), (\d+), (\d+)\)", (app / "lib/splunklib/__init__.py").read_text(encoding="utf-8")
    )
    shipped["splunk_sdk"] = ".".join(sdk.groups())
    assert shipped == {name.replace("-", "_"): version for name, version in pinned.items()}


def test_notice_names_every_library(app):
    named = re.findall(r"^    (\S+) ", (app / "NOTICE").read_text(encoding="utf-8"), re.MULTILINE)
    pinned = re.findall(r"^([\w-]+)==", (app / "lib/requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert [name.lower() for name in named] == sorted(pinned)


# --- package.sh -----------------------------------------------------------------------------------------------------


@pytest.fixture
def sources(tmp_path):
    """A copy, in another folder, of what package.sh reads."""
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in ("app", "bin", "default", "lookups", "docs"):
        shutil.copytree(ROOT / name, copy / name)
    for name in ("package.sh", "SECURITY.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture
def sources_with_libraries(sources, package):
    keep_built(sources, "lib")
    keep_built(sources, "markdown")
    return sources


def keep_built(sources, libraries):
    (sources / "build").mkdir(exist_ok=True)
    for name in (libraries, libraries + ".key"):
        (sources / "build" / name).symlink_to(ROOT / "build" / name)


def build(sources, **environment):
    return subprocess.run(
        [sources / "package.sh"],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHON": str(ROOT / ".venv/bin/python"), **environment},
    )


def built(sources, **environment):
    """The path of the package."""
    done = build(sources, **environment)
    assert done.returncode == 0, done.stderr
    return sources / done.stdout.splitlines()[-1]


def test_builds_of_the_same_sources_give_the_same_bytes(sources, tmp_path):
    """Wherever the sources are, whenever they were written, whoever may read them; with the libraries rebuilt."""
    copy = shutil.copytree(sources, tmp_path / "copy")
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700 if path.is_dir() or path.suffix == ".sh" else 0o600)
    (copy / "bin/__pycache__").mkdir(exist_ok=True)
    (copy / "bin/__pycache__/segmentsend.cpython-39.pyc").write_bytes(b"")

    packages = [built(sources), built(copy, TZ="Asia/Kathmandu", LC_ALL="C")]

    assert len({hashlib.sha256(package.read_bytes()).hexdigest() for package in packages}) == 1


def test_a_changed_text_of_the_same_length_has_another_time(package, sources_with_libraries):
    """By the file's time and size Python decides whether its bytecode is current."""
    replace(sources_with_libraries / "bin/usersignups.py", "import sys", "import ssy")

    with tarfile.open(package) as before, tarfile.open(built(sources_with_libraries)) as after:
        name = "segment_bridge/bin/usersignups.py"
        assert before.getmember(name).size == after.getmember(name).size
        assert before.getmember(name).mtime != after.getmember(name).mtime


def test_a_package_is_built_again_if_anything_changed(package, sources_with_libraries):
    kept = sources_with_libraries / "dist" / package.name
    kept.parent.mkdir()
    shutil.copy(package, kept)
    written = kept.stat().st_mtime_ns
    assert (built(sources_with_libraries), kept.stat().st_mtime_ns) == (kept, written)
    (sources_with_libraries / "lookups/event_verbs.csv").unlink()
    with tarfile.open(built(sources_with_libraries)) as after:
        assert "segment_bridge/lookups/event_verbs.csv" not in after.getnames()


def replace(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def assert_refused(sources, message):
    built = build(sources)
    assert built.returncode == 1
    assert message in built.stderr
    assert not list(sources.glob("dist/*"))
    assert not list(sources.glob("build/package.*"))


@pytest.mark.parametrize(
    ("file", "old", "message"),
    [
        ("default/app.conf", "version = ", "default/app.conf [id] version must be three numbers such as 1.0.0, got "),
        ("app/app.manifest", '"version": "', "app/app.manifest info.id.version is "),
        ("bin/segment_bridge/__init__.py", '__version__ = "', "bin/segment_bridge/__init__.py __version__ is "),
        ("default/app.conf", "build = ", "default/app.conf [install] build is "),
    ],
)
def test_a_version_mismatch_is_refused(sources_with_libraries, file, old, message):
    replace(sources_with_libraries / file, old, old + "9.")
    assert_refused(sources_with_libraries, message + '"9.')


@pytest.mark.parametrize(
    "stray",
    [
        "bin/.segmentsend.py.swp",
        "app/local",
        "app/metadata/local.meta",
        "bin/fast.so",
        "bin/usersignups.pyc",
        "lookups/a copy.csv",
    ],
)
def test_a_forbidden_file_is_refused(sources_with_libraries, stray):
    (sources_with_libraries / stray).write_bytes(b"")
    assert_refused(sources_with_libraries, "remove them: " + stray)


def test_a_link_out_of_the_package_is_refused(sources_with_libraries):
    (sources_with_libraries / "lookups/users.csv").symlink_to("/etc/passwd")
    assert_refused(sources_with_libraries, "remove them: lookups/users.csv")


def test_a_library_with_another_hash_is_refused(sources):
    replace(sources / "app/lib/requirements.txt", "six==1.17.0", "six==1.16.0")

    built = build(sources)

    assert built.returncode == 1
    assert "DO NOT MATCH THE HASHES" in built.stderr
    assert not (sources / "build/lib").exists()


WHEEL_INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: libraries\nVersion: 1.0\n",
    "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "RECORD": "",
}


@pytest.fixture
def index(sources, package, tmp_path):
    """The address of a package index with the libraries as one wheel, and an SDK whose setup.py leaves a trace."""
    keep_built(sources, "markdown")
    libraries, sdk = tmp_path / "simple/libraries", tmp_path / "simple/splunk-sdk"
    for folder in (libraries, sdk, tmp_path / "splunk-sdk-2.1.1"):
        folder.mkdir(parents=True)
    with zipfile.ZipFile(libraries / "libraries-1.0-py3-none-any.whl", "w") as wheel:
        for path in (ROOT / "build/lib").rglob("*.*"):
            if "splunklib" not in path.parts and ".dist-info" not in str(path):
                wheel.write(path, path.relative_to(ROOT / "build/lib"))
        for name, text in WHEEL_INFO.items():
            wheel.writestr("libraries-1.0.dist-info/" + name, text)
    with tarfile.open(sdk / "splunk-sdk-2.1.1.tar.gz", "w:gz") as archive:
        setup = tmp_path / "setup.py"
        setup.write_text("open(%r, 'w')" % str(tmp_path / "trace"), encoding="utf-8")
        archive.add(setup, "splunk-sdk-2.1.1/setup.py")
        archive.add(ROOT / "build/lib/splunklib", "splunk-sdk-2.1.1/splunklib")
    pins = [pin(libraries, "libraries==1.0"), pin(sdk, "splunk-sdk==2.1.1")]
    (sources / "app/lib/requirements.txt").write_text("".join(pins), encoding="utf-8")
    handler = functools.partial(QuietFiles, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    end = serve(server)
    yield "http://127.0.0.1:%d/simple" % server.server_port
    end()


def pin(folder, requirement):
    """Creates the page of a project with one file. Returns the lines that pin it."""
    file = next(folder.iterdir())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    link = '<a href="%s#sha256=%s">%s</a>' % (file.name, digest, file.name)
    (folder / "index.html").write_text(link, encoding="utf-8")
    return "%s \\\n    --hash=sha256:%s\n" % (requirement, digest)


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        """Nobody reads it."""


def build_from(index, sources):
    pip = {name: "" for name in os.environ if name.startswith("PIP_")}
    return build(sources, **{**pip, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index})


def test_no_downloaded_code_is_run(index, sources, tmp_path):
    done = build_from(index, sources)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "trace").exists()
    assert (sources / "build/lib/splunklib/client.py").is_file()


def test_an_archive_with_another_hash_is_refused(index, sources, tmp_path):
    archive = next(tmp_path.glob("simple/splunk-sdk/*.gz"))
    archive.write_bytes(archive.read_bytes() + b"\0")
    done = build_from(index, sources)
    assert done.returncode == 1
    assert "does not match its hash" in done.stderr
    assert not (sources / "build/lib").exists()


def test_an_index_without_the_pinned_archive_is_named(index, sources, tmp_path):
    (tmp_path / "simple/splunk-sdk/index.html").write_text("", encoding="utf-8")
    done = build_from(index, sources)
    assert done.returncode == 1
    assert "%s/splunk-sdk/ has no file with the SHA-256 " % index in done.stderr
