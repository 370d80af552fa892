"""Configuration files: which layer wins, who sees what, and what a change writes."""

import pytest

from tests.standin.refusal import Refusal
from tests.standin.stores.conf import Access, Confs, matches_source, props_for


@pytest.fixture
def etc(tmp_path):
    for app in ("a", "b", "c"):
        (tmp_path / "apps" / app).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def confs(etc):
    return Confs(etc)


@pytest.fixture
def put(etc):
    def write(path, text):
        (etc / path).parent.mkdir(parents=True, exist_ok=True)
        (etc / path).write_text(text)

    return write


def value(confs, app="a", stanza="s", user="nobody"):
    return confs.stanza("x", app, stanza, user).settings.get("k")


class TestPrecedence:
    ORDER = (
        "system/default",
        "system/local",
        "apps/b/default",
        "apps/b/local",
        "apps/a/default",
        "apps/a/local",
        "users/ann/a/local",
    )

    def test_an_apps_own_layers_win_and_a_users_win_over_all(self, confs, put):
        put("apps/b/metadata/default.meta", "[]\nexport = system\n")
        for number, folder in enumerate(self.ORDER):
            put(folder + "/x.conf", "[s]\nk = %d\n" % number)
            assert value(confs, user="ann") == str(number)
        assert value(confs) == "5"

    def test_for_splunkd_itself_system_local_wins(self, confs, put):
        for number, folder in enumerate(
            ("system/default", "apps/b/default", "apps/a/default", "apps/b/local", "apps/a/local", "system/local")
        ):
            put(folder + "/x.conf", "[s]\nk = %d\n" % number)
            assert value(confs, app=None) == str(number)

    def test_settings_of_layers_add_up(self, confs, put):
        put("apps/a/default/x.conf", "[s]\nk = 1\nother = 2\n")
        put("apps/a/local/x.conf", "[s]\nk = 3\n")
        assert confs.stanza("x", "a", "s").settings == {"k": "3", "other": "2"}

    def test_the_default_stanza_is_part_of_all_and_not_listed(self, confs, put):
        put("apps/a/default/x.conf", "outside = 0\n[default]\nk = 1\n[s]\nk = 2\n[t]\n")
        assert set(confs.stanzas("x", "a")) == {"s", "t"}
        assert confs.stanza("x", "a", "t").settings == {"outside": "0", "k": "1"}
        assert value(confs) == "2"

    def test_another_apps_default_does_not_count(self, confs, put):
        put("apps/b/metadata/default.meta", "[]\nexport = system\n")
        put("apps/b/default/x.conf", "[default]\nk = 1\n[s]\n")
        assert value(confs) is None

    def test_unexported_objects_are_not_visible(self, confs, put):
        put("apps/b/default/x.conf", "[s]\nk = 1\n[t]\nk = 2\n")
        put("apps/b/metadata/default.meta", "[x/t]\nexport = system\n")
        assert set(confs.stanzas("x", "a")) == {"t"}
        assert confs.exists("x", "a")
        assert confs.names("c") == ["x"]

    def test_a_change_on_disk_counts_at_once(self, confs, put):
        put("apps/a/default/x.conf", "[s]\nk = 1\n")
        assert value(confs) == "1"
        put("apps/a/default/x.conf", "[s]\nk = 22\n")
        assert value(confs) == "22"


class TestWriting:
    @pytest.mark.parametrize(
        "text",
        [
            "plain",
            "",
            "a = b",
            "# no comment",
            "[no stanza]",
            "one\ntwo",
            "one\n\n  three",
            "one\\\ntwo",
            "ü",
            "x\n[y]\nz = 1",
        ],
    )
    def test_any_text_is_read_back_as_it_was_written(self, etc, confs, text):
        confs.write("x", "a", "s", {"k": text, "after": "1"})
        assert Confs(etc).stanzas("x", "a")["s"].settings == {"k": text, "after": "1"}
        assert set(Confs(etc).stanzas("x", "a")) == {"s"}

    def test_line_ends_of_the_file_are_kept(self, etc, confs):
        confs.write("x", "a", "s", {"k": " one\r\ntwo\rthree \r\n"})
        assert value(Confs(etc)) == "one\ntwo\nthree"

    def test_a_backslash_at_the_end_is_refused(self, confs):
        with pytest.raises(Refusal, match="backslash"):
            confs.write("x", "a", "s", {"k": "c:\\"})
        assert confs.stanzas("x", "a") == {}

    def test_only_stanzas_that_exist_in_local_alone_can_be_removed(self, confs, put):
        put("apps/a/default/x.conf", "[s]\nk = 1\n")
        confs.write("x", "a", "s", {"k": "2"})
        confs.write("x", "a", "t", {"k": "3"})
        confs.set_access("x", "t", "a", Access(frozenset("*"), frozenset(), True))
        with pytest.raises(Refusal) as refused:
            confs.remove("x", "a", "s")
        assert refused.value.status == 403
        confs.remove("x", "a", "t")
        assert set(confs.stanzas("x", "a")) == {"s"}
        assert not confs.access("x", "t", "a").exported

    def test_removing_a_private_stanza_keeps_the_shared_one(self, confs, put):
        put("apps/a/default/x.conf", "[s]\nk = 1\n")
        confs.write("x", "a", "s", {"k": "2"}, "ann")
        assert (value(confs, user="ann"), value(confs), value(confs, user="bob")) == ("2", "1", "1")
        confs.remove("x", "a", "s", "ann")
        assert value(confs, user="ann") == "1"


class TestPermissions:
    META = """[]
access = read : [ user, power ], write : [ power ]
[x]
access = read : [ power, chef ]
[x/open%2Fto%20all]
access = read : [ * ], write : [ * ]
export = system
owner = ann
"""

    @pytest.mark.parametrize(
        ("name", "roles", "reads", "writes"),
        [
            ("open/to all", {"power"}, True, True),
            ("open/to all", {"user"}, False, False),
            ("open/to all", {"chef"}, False, False),
            ("open/to all", {"user", "chef"}, True, True),
            ("other", {"power"}, True, False),
            ("other", {"user"}, False, False),
        ],
    )
    def test_app_kind_and_object_must_all_be_readable(self, confs, put, name, roles, reads, writes):
        put("apps/a/metadata/default.meta", self.META)
        access = confs.access("x", name, "a")
        assert (access.may_read(roles), access.may_write(roles)) == (reads, writes)

    def test_local_meta_wins(self, confs, put):
        put("apps/a/metadata/default.meta", self.META)
        assert (confs.access("x", "open/to all", "a").exported, confs.access("x", "open/to all", "a").owner) == (
            True,
            "ann",
        )
        confs.set_access("x", "open/to all", "a", Access(frozenset(["power"]), frozenset(["admin"]), False))
        access = confs.access("x", "open/to all", "a")
        assert (access.read, access.write, access.exported, access.owner) == ({"power"}, {"admin"}, False, "nobody")

    def test_without_metadata_everybody_reads_and_administrators_write(self, confs):
        access = confs.access("x", "s", "a")
        assert (access.may_read({"user"}), access.may_write({"user"}), access.may_write({"admin"})) == (
            True,
            False,
            True,
        )


class TestProps:
    @pytest.mark.parametrize(
        ("pattern", "source", "matches"),
        [
            (".../app.log", "/var/log/app.log", True),
            ("...app.log*", "/var/log/app.log.1", True),
            ("/var/*/app.log", "/var/log/app.log", True),
            ("/var/*/app.log", "/var/log/sub/app.log", False),
            ("app.log", "/var/log/app.log", False),
            ("/a.b", "/axb", False),
        ],
    )
    def test_a_source_pattern(self, pattern, source, matches):
        assert matches_source(pattern, source) is matches

    def test_the_source_wins_over_the_host_over_the_source_type(self, confs, put):
        put(
            "apps/a/default/props.conf",
            "[st]\nk = 1\nl = 1\nm = 1\n[host::h*]\nk = 2\nl = 2\n[source::...log]\nk = 3\n",
        )
        stanzas = confs.stanzas("props", "a")
        assert props_for(stanzas, "st", "/x.log", "h1") == {"k": "3", "l": "2", "m": "1"}
        assert props_for(stanzas, "st", "other", "other") == {"k": "1", "l": "1", "m": "1"}
