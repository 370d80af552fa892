"""The .conf files against Splunk's specs and against each other."""

import csv
import re
import xml.etree.ElementTree as ElementTree
from typing import Dict, Optional

import pytest

from tests.conftest import ROOT
from tests.package.conf import Conf
from tests.package.conf_keys import CONF_KEYS, META_KEYS
from tests.package.spec import settings_of
from tests.standin.releases import RELEASES

CONFS = sorted(path.stem for path in (ROOT / "default").glob("*.conf"))


@pytest.fixture(scope="module")
def conf(app):
    return lambda name: Conf.read(app / "default" / (name + ".conf"))


def pattern_for(name: str, patterns: Dict) -> Optional[str]:
    return next((pattern for pattern in patterns if re.fullmatch(pattern, name)), None)


def strays(conf: Conf, table: Dict):
    """The stanzas, keys and values that the table does not allow."""
    for stanza, settings in conf.items():
        found = pattern_for(stanza, table)
        if found is None:
            yield "[%s]" % stanza
            continue
        for key, value in settings.items():
            allowed = pattern_for(key, table[found])
            if allowed is None:
                yield "[%s] %s" % (stanza, key)
            elif not re.fullmatch(table[found][allowed], value):
                yield "[%s] %s = %s" % (stanza, key, value)


@pytest.mark.parametrize("name", [name for name in CONFS if name != "segment_bridge"])
def test_keys_and_values_are_splunks(conf, app, name):
    table = dict(CONF_KEYS[name])
    if name == "inputs":
        declared = settings_of(app / "README/inputs.conf.spec")["usersignups://<name>"]
        table = {stanza: {**keys, **dict.fromkeys(declared, "(?s).*")} for stanza, keys in table.items()}
    assert list(strays(conf(name), table)) == []


def test_metadata_is_splunks(app):
    assert list(strays(Conf.read(app / "metadata/default.meta"), META_KEYS)) == []


def test_settings_are_those_of_the_spec(conf, app):
    """README/segment_bridge.conf.spec describes every setting, and default/ contains every default."""
    declared = set().union(*settings_of(app / "README/segment_bridge.conf.spec").values())
    given = set().union(*conf("segment_bridge").values())
    assert given <= declared


def test_no_stanza_holds_a_secret(conf):
    secret = re.compile(r"(?i)(write_?key|token|password|secret)$")
    assert [(name, key) for name in CONFS for keys in conf(name).values() for key in keys if secret.search(key)] == []


# --- Off until somebody turns it on ---------------------------------------------------------------------------------


def test_no_search_is_scheduled(conf):
    assert {
        name: search.get("enableSched")
        for name, search in conf("savedsearches").items()
        if search.get("enableSched") != "0"
    } == {}


def test_no_input_is_enabled(conf):
    inputs = {name: settings for name, settings in conf("inputs").items() if "://" in name}
    assert {name for name, settings in inputs.items() if settings.get("disabled") not in ("1", "true")} == set()


def test_no_role_gets_an_unrequested_capability(conf):
    """Only administrators, among Splunk's roles, get the app's own capabilities (test_keys_and_values_are_splunks)."""
    assert [name for name in conf("authorize") if not name.startswith(("role_segment_bridge_", "capability::"))] == [
        "role_admin",
        "role_sc_admin",
    ]


@pytest.mark.parametrize("version", RELEASES)
def test_the_role_can_send(conf, version):
    """The capabilities that segmentsend requires by default: authorize.conf.spec, run_custom_command and search."""
    shipped, own = RELEASES[version].shipped("authorize"), conf("authorize")["role_segment_bridge_sender"]
    settings = {**shipped.get("default", {}), **shipped["role_" + own["importRoles"]], **own}
    assert {settings.get(each) for each in ("search", "run_custom_command", "segment_bridge_send")} == {"enabled"}
    assert own["run_custom_command"] == "enabled", "a site may have removed it from the role user"


@pytest.mark.parametrize("version", RELEASES)
def test_no_capability_of_splunks_is_redeclared(conf, version):
    shipped = {name for settings in RELEASES[version].shipped("authorize").values() for name in settings}
    declared = [name[len("capability::") :] for name in conf("authorize") if name.startswith("capability::")]
    assert shipped.isdisjoint(declared)


def test_a_search_runs_with_its_users_permissions(conf):
    """Without this, dispatchAs is the owner, which is nobody: splunkd itself. Scheduled runs are not affected.

    Source: savedsearches.conf.spec, dispatchAs.
    """
    assert {search.get("dispatchAs") for search in conf("savedsearches").values()} == {"user"}


# --- References between files ---------------------------------------------------------------------------------------


def test_commands_exist(conf, app):
    for command in conf("commands").values():
        assert (app / "bin" / command["filename"]).is_file()


def test_rest_handlers_exist_and_require_a_capability(conf, app):
    """One of the app's, which the handler checks again, or Splunk's for reading the password store."""
    capabilities = {name[len("capability::") :] for name in conf("authorize") if name.startswith("capability::")}
    for handler in (settings for name, settings in conf("restmap").items() if name.startswith("script:")):
        module, kind = handler["handler"].split(".")
        assert module + ".py" == handler["script"]
        script = (app / "bin" / handler["script"]).read_text(encoding="utf-8")
        assert "class %s(" % kind in script
        if handler["capability"] == "list_storage_passwords":
            assert "system_authtoken" not in script and "passSystemAuth" not in handler
            continue
        assert handler["capability"] in capabilities
        assert 'CAPABILITY = "%s"' % handler["capability"] in script


def test_modular_inputs_exist(conf, app):
    schemes = {name.partition("://")[0] for name in conf("inputs")}
    assert (
        schemes
        == {name.partition("://")[0] for name in settings_of(app / "README/inputs.conf.spec") if name}
        == {"usersignups"}
    )
    assert all((app / "bin" / (scheme + ".py")).is_file() for scheme in schemes)


def test_lookups_exist(conf, app):
    collections = conf("collections")
    for name, lookup in conf("transforms").items():
        if "filename" in lookup:
            assert (app / "lookups" / lookup["filename"]).is_file(), name
        else:
            fields = set(re.split(", *", lookup["fields_list"])) - {"_key"}
            assert fields == {
                key[len("field.") :] for key in collections[lookup["collection"]] if key.startswith("field.")
            }, name


def test_every_csv_file_and_documented_collection_has_a_lookup(conf, app):
    lookups = conf("transforms")
    assert {"usersignups", "tenant_namespaces", "segment_dead_letters"} <= {
        name for name, lookup in lookups.items() if lookup.get("collection") == name
    }
    assert {lookup["filename"] for lookup in lookups.values() if "filename" in lookup} == {
        path.name for path in (app / "lookups").iterdir()
    }


def test_csv_files_have_a_header_and_no_malformed_row(app):
    for path in (app / "lookups").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file, strict=True)
        assert rows, path.name
        assert {len(row) for row in rows} == {len(header)}, path.name


def test_metadata_names_only_existing_objects(conf, app):
    roles = {
        "*",
        "admin",
        "sc_admin",
        *(name[len("role_") :] for name in conf("authorize") if name.startswith("role_")),
    }
    for name, settings in Conf.read(app / "metadata/default.meta").items():
        kind, _, item = name.partition("/")
        if kind == "alerts":
            assert (app / "default/data/ui/alerts" / (item + ".html")).is_file(), name
        elif kind == "views" and item:
            assert (app / "default/data/ui/views" / (item + ".xml")).is_file(), name
        elif item:
            assert item in conf(kind), name
        for named in re.findall(r"\[ (.+?) \]", settings.get("access", "")):
            assert set(named.split(", ")) <= roles, name


def test_own_settings_files_are_reloaded_and_replicated(conf):
    assert conf("app")["triggers"] == {"reload.segment_bridge": "simple"}
    assert conf("server")["shclustering"] == {"conf_replication_include.segment_bridge": "true"}


def test_views_in_the_navigation_and_the_setup_view_exist(conf, app):
    views = {path.stem for path in (app / "default/data/ui/views").glob("*.xml")}
    navigation = ElementTree.parse(app / "default/data/ui/nav/default.xml")
    named = {view.get("name") for view in navigation.iter("view")} - {"search", "reports", "alerts", "dashboards"}
    assert named - {None} <= views
    assert conf("app")["ui"].get("setup_view") in {None, *views}


def test_saved_searches_in_the_navigation_exist(conf, app):
    navigation = ElementTree.parse(app / "default/data/ui/nav/default.xml")
    assert {saved.get("name") for saved in navigation.iter("saved")} <= set(conf("savedsearches"))


def test_files_that_views_load_exist(app):
    for path in (app / "default/data/ui/views").glob("*.xml"):
        root = ElementTree.parse(path).getroot()
        loaded = [
            name.strip() for key in ("script", "stylesheet") for name in root.get(key, "").split(",") if name.strip()
        ]
        assert [name for name in loaded if not (app / "appserver/static" / name).is_file()] == [], path.name


def test_only_administrators_write_what_the_job_relies_on(conf, app):
    """Whoever may write to a collection may also delete its content, for example dead letters that await correction.

    Analysts write journeys, too: the macro segment_bridge_checked_rows lets only letters and a few other characters
    into a search.
    """
    settings = Conf.read(app / "metadata/default.meta")
    for name in conf("collections"):
        access = settings.get("collections/" + name, settings["collections"])["access"]
        writers = "admin, sc_admin" + (", segment_bridge_analyst" if name == "segment_journeys" else "")
        assert "write : [ %s ]" % writers in access, name


def test_types_are_enforced_in_every_collection(conf):
    """So that neither outputlookup nor REST can add a malformed document."""
    assert all(collection["enforceTypes"] == "true" for collection in conf("collections").values())
