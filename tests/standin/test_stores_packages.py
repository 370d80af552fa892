"""What is unpacked into etc/apps, and what is refused."""

import io
import tarfile
import zlib

import pytest

from tests.standin.clients import package
from tests.standin.refusal import Refusal
from tests.standin.stores import packages


@pytest.fixture
def etc(tmp_path):
    (tmp_path / "etc" / "apps").mkdir(parents=True)
    return tmp_path / "etc"


def archive(tmp_path, *members, mode="w:gz"):
    """An archive of (name, text) pairs or TarInfo objects."""
    path = tmp_path / "some.tar.gz"
    with tarfile.open(path, mode) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size, info.mode = len(member[1]), 0o644
            tar.addfile(info, io.BytesIO(member[1].encode()))
    return path


def link(name, target, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, 0o777
    return info


def test_an_app_is_unpacked_unchanged(etc, tmp_path):
    built = package(tmp_path, "one", {"bin/a.py": "print()", "default/macros.conf": "[m]\ndefinition = 1\n"})
    assert packages.install(etc, built, False) == "one"
    assert (etc / "apps" / "one" / "bin" / "a.py").read_text() == "print()"
    assert [path.name for path in etc.iterdir()] == ["apps"]


def test_a_file_keeps_its_time(etc, tmp_path):
    packages.install(etc, package(tmp_path, "one"), False)
    assert (etc / "apps" / "one" / "default" / "app.conf").stat().st_mtime == 0


@pytest.mark.parametrize("is_of_content", [True, False])
def test_bytecode_outlives_an_installation_if_times_tell_contents(etc, tmp_path, monkeypatch, is_of_content):
    monkeypatch.setattr(packages, "_BYTECODE", tmp_path / "kept")
    source = tarfile.TarInfo("one/bin/a.py")
    source.mode, source.mtime = 0o644, zlib.crc32(b"") % 2**30 + (not is_of_content)
    packages.install(etc, archive(tmp_path, ("one/default/app.conf", ""), source), False)
    found = (etc / "apps" / "one" / "bin" / "__pycache__").resolve()
    assert (found == tmp_path / "kept" / "one" / "bin") is is_of_content


def test_a_package_that_was_installed_before_gives_the_same_app(tmp_path):
    built = package(tmp_path, "one", {"bin/a.py": "print()", "default/macros.conf": "[m]\ndefinition = 1\n"})
    installed = []
    for number in range(4):
        etc = tmp_path / str(number)
        (etc / "apps").mkdir(parents=True)
        assert packages.install(etc, built, False) == "one"
        app = etc / "apps" / "one"
        installed.append({str(path.relative_to(app)): path.read_bytes() for path in app.rglob("*") if path.is_file()})
        (app / "local").mkdir()
        (app / "local" / "macros.conf").write_text("[ours]\n")
        if number == 1:  # a change in place, which all installations with links to the file have
            (app / "bin" / "a.py").write_text("print(1)")
        if number == 2:
            (tmp_path / "2" / "apps" / "one" / "default" / "macros.conf").unlink()
    assert installed[1:] == installed[:1] * 3
    assert set(installed[0]) == {"bin/a.py", "default/app.conf", "default/macros.conf"}


def test_another_package_of_the_same_name_is_another_app(tmp_path, etc):
    packages.install(etc, package(tmp_path, "one", {"bin/a.py": "print()"}), False)
    packages.install(etc, package(tmp_path, "one", {"bin/a.py": "print(2)"}), True)
    assert (etc / "apps" / "one" / "bin" / "a.py").read_text() == "print(2)"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("one/default/app.conf", "[package]\nid = two\n")], "the app's folder is 'one', its app.conf says 'two'"),
        ([("one/default/app.conf", "[id]\nname = two\n")], "the app's folder is 'one', its app.conf says 'two'"),
        ([("one/bin/a.py", "")], "no default/app.conf"),
        ([("one/default/app.conf", ""), ("two/default/app.conf", "")], "one folder at the top, it has one, two"),
        ([("./one/default/app.conf", "")], "./one/default/app.conf is not a valid path in a package"),
        ([("one/../../evil", "")], "one/../../evil is not a valid path in a package"),
        ([("/one/default/app.conf", "")], "/one/default/app.conf is not a valid path in a package"),
        ([("one/default/app.conf", ""), ("one/local/app.conf", "")], "local to an installation"),
        ([("one/default/app.conf", ""), ("one/metadata/local.meta", "")], "local to an installation"),
        ([link("one/bin/link", "/etc/passwd", tarfile.SYMTYPE)], "neither a file nor a folder"),
        ([link("one/bin/link", "one/bin/a", tarfile.LNKTYPE)], "neither a file nor a folder"),
        ([("app.conf", "")], "not in the app's folder"),
        ([("one/default/app.conf", "[id\n")], "app.conf of the app 'one'"),
        ([("one/default/app.conf", ""), ("one/default/macros.conf", "nonsense")], "macros.conf of the app 'one'"),
        ([], "one folder at the top, it has none"),
    ],
)
def test_an_invalid_package_is_refused_with_the_reason(etc, tmp_path, members, reason):
    with pytest.raises(Refusal) as refused:
        packages.install(etc, archive(tmp_path, *members), False)
    assert refused.value.status == 400
    assert reason in refused.value.text
    assert not list((etc / "apps").iterdir())


def test_an_uncompressed_archive_is_refused(etc, tmp_path):
    with pytest.raises(Refusal, match=r"failed to extract app from .*: Not a gzipped file"):
        packages.install(etc, archive(tmp_path, ("one/default/app.conf", ""), mode="w"), False)


def test_a_missing_file_is_refused(etc, tmp_path):
    with pytest.raises(Refusal, match="No such file"):
        packages.install(etc, tmp_path / "none.tar.gz", False)


def test_a_truncated_file_is_refused(etc, tmp_path):
    built = package(tmp_path, "one", {"bin/a.py": "x" * 100_000})
    built.write_bytes(built.read_bytes()[:-20])
    with pytest.raises(Refusal, match="failed to extract"):
        packages.install(etc, built, False)


def test_an_existing_app_is_installed_only_as_an_update(etc, tmp_path):
    packages.install(etc, package(tmp_path, "one"), False)
    with pytest.raises(Refusal, match="already exists") as refused:
        packages.install(etc, package(tmp_path, "one", version="2.0.0"), False)
    assert refused.value.status == 409
    assert packages.install(etc, package(tmp_path, "one", version="2.0.0"), True) == "one"
    assert "2.0.0" in (etc / "apps" / "one" / "default" / "app.conf").read_text()


def test_an_update_keeps_only_what_users_made(etc, tmp_path):
    packages.install(etc, package(tmp_path, "one", {"bin/old.py": "", "lookups/ours.csv": "a\n1\n"}), False)
    app = etc / "apps" / "one"
    for name, text in {
        "local/macros.conf": "[m]\n",
        "metadata/local.meta": "[]\n",
        "lookups/theirs.csv": "b\n",
        "lookups/ours.csv": "a\n2\n",
    }.items():
        (app / name).parent.mkdir(exist_ok=True)
        (app / name).write_text(text)
    packages.install(etc, package(tmp_path, "one", {"bin/new.py": "", "lookups/ours.csv": "a\n3\n"}, "2.0.0"), True)
    files = {str(path.relative_to(app)): path.read_text() for path in app.rglob("*") if path.is_file()}
    del files["default/app.conf"]
    assert files == {
        "local/macros.conf": "[m]\n",
        "metadata/local.meta": "[]\n",
        "lookups/theirs.csv": "b\n",
        "lookups/ours.csv": "a\n3\n",
        "bin/new.py": "",
    }
