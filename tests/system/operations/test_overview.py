"""The dashboard: its definition is consistent, and its searches report the truth on empty, healthy and broken data."""

import json
import re
import xml.etree.ElementTree as ElementTree
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conftest import ROOT
from tests.package.conftest import unpack
from tests.system.operations import overview, week
from tests.system.operations.site import HOUR, START

KNOWN_OPTIONS = json.loads((ROOT / "tests" / "dashboard" / "options.json").read_text())
"""The options that Splunk's npm packages know for each type of visualization; `make dashboard` updates them."""


@pytest.fixture(scope="module")
def app(package, tmp_path_factory):
    """The app's folder, unpacked."""
    return unpack(package, tmp_path_factory.mktemp("apps"))


@pytest.fixture(scope="module")
def definition():
    return overview.definition()


class TestTheDefinition:
    def test_it_is_a_dashboard_studio_view(self):
        root = ElementTree.parse(overview.VIEW).getroot()
        assert (root.tag, root.get("version"), root.findtext("label")) == ("dashboard", "2", "Overview")

    def test_there_is_one_for_each_theme_and_a_page_that_leads_to_the_readers(self, app):
        views = app / "default/data/ui/views"
        texts = {name: (views / ("overview%s.xml" % name)).read_text("utf-8") for name in ("", "_light", "_dark")}
        assert texts["_dark"] == texts["_light"].replace('theme="light"', 'theme="dark"', 1) != texts["_light"]
        assert 'id="segment-bridge-overview"' in texts[""]
        assert (app / "appserver/static/overview/page.js").is_file()

    def test_the_layout_and_the_visualizations_agree(self, definition):
        laid_out = [item["item"] for item in definition["layout"]["structure"]]
        assert len(laid_out) == len(set(laid_out))
        assert set(laid_out) == set(definition["visualizations"])
        assert definition["layout"]["globalInputs"] == list(definition["inputs"])

    def test_panels_do_not_overlap_and_each_row_is_full(self, definition):
        width = definition["layout"]["options"]["width"]
        rows = {}
        for item in definition["layout"]["structure"]:
            rows.setdefault(item["position"]["y"], []).append(item["position"])
        end = 0
        for top, row in sorted(rows.items()):
            assert top == end
            assert len({position["h"] for position in row}) == 1
            left = 0
            for position in sorted(row, key=lambda position: position["x"]):
                assert position["x"] == left
                left += position["w"]
            assert left == width
            end = top + row[0]["h"]

    def test_every_data_source_exists_and_is_used(self, definition):
        sources = definition["dataSources"]
        shown = {name for each in definition["visualizations"].values() for name in each["dataSources"].values()}
        shown |= {name for each in definition["inputs"].values() for name in each.get("dataSources", {}).values()}
        extended = {source["options"]["extend"] for source in sources.values() if source["type"] == "ds.chain"}
        assert shown | extended == set(sources)

    def test_its_options_are_known(self, definition):
        for name, shown in definition["visualizations"].items():
            assert set(shown["options"]) <= set(KNOWN_OPTIONS[shown["type"]]), name

    def test_its_tokens_are_defined(self, definition):
        tokens = {shown["options"]["token"] for shown in definition["inputs"].values()}
        used = set(re.findall(r"\$(\w+)(?:\.\w+|\|s)\$", json.dumps(definition)))
        assert used == tokens

    def test_every_panels_link_works(self, app, definition):
        """@splunk/dashboard-event-handlers, drilldown.customUrl. Its tokens are those of the clicked row."""
        views = {path.stem for path in (app / "default/data/ui/views").glob("*.xml")}
        for name, shown in definition["visualizations"].items():
            (handler,) = shown["eventHandlers"]
            address = urlsplit(handler["options"]["url"])
            asked = parse_qs(address.query)
            assert (handler["type"], address.path.rpartition("/")[0]) == ("drilldown.customUrl", "/app/segment_bridge")
            assert address.path.rpartition("/")[2] in views, name
            if "page" in asked:
                page = (app / "appserver/static/help" / (asked["page"][0] + ".html")).read_text("utf-8")
                assert 'id="%s"' % address.fragment in page, name

    def test_its_searches_read_only_what_its_readers_may_read(self, definition):
        """Users who see the app may read its collections; the index _internal is for administrators."""
        assert "_internal" not in json.dumps(definition["dataSources"])

    def test_thresholds_are_those_of_the_alerts(self, definition):
        queries = json.dumps(definition["dataSources"])
        for macro in ("max_hours", "max_without_user", "last_success", "maps", "dead_letters", "state", "activity"):
            assert "`segment_bridge_%s`" % macro in queries
        assert "rangeValue" not in json.dumps(definition["visualizations"])

    def test_the_fields_that_a_panel_uses_are_in_its_search(self, definition, site):
        week.pass_by(site, outage=True)
        tables = overview.results(site, START, week.END)
        for name, shown in definition["visualizations"].items():
            for field in re.findall(r'seriesByName\("(.*?)"\)', json.dumps(shown["options"]).replace('\\"', '"')):
                assert field in tables[shown["dataSources"]["primary"]].fields, name


def value(tables, source):
    """A search's only value, apart from its level."""
    (row,), (field,) = tables[source].rows, [field for field in tables[source].fields if field != "level"]
    return float(row[field])


def level(tables, source):
    """good, warn, bad or off: the meaning of a tile's colour."""
    (row,) = tables[source].rows
    return row["level"]


class TestItsSearches:
    def test_on_a_newly_installed_app(self, site):
        site.clock.move_to(START + HOUR)
        tables = overview.results(site, START, START + HOUR)
        assert value(tables, "letters_count") == value(tables, "activity_unknown") == 0
        assert not any(tables[name].rows for name in ("refusals", "errors", "letters_table", "maps_table"))
        (row,) = tables["receipts"].rows
        assert row["event"].startswith("No receipts yet.")

    def test_in_a_healthy_week(self, site):
        week.pass_by(site)
        tables = overview.results(site, START, week.END)
        assert value(tables, "last_success") == pytest.approx(0.9, abs=0.1)
        assert value(tables, "maps_age") == 15
        assert value(tables, "letters_count") == value(tables, "audit_unreadable") == 0
        assert value(tables, "audit_late") == week.LATE_S
        assert 8 < value(tables, "activity_unknown") < 18
        assert not tables["refusals"].rows
        assert not tables["errors"].rows
        assert [(row["cluster"], float(row["users"])) for row in tables["maps_table"].rows] == [("host", 840)]
        kept = site.documents("segment_activity")
        assert sum(float(row.get("accepted") or 0) for row in tables["activity_outcomes"].rows) == sum(
            hour["accepted"] for hour in kept
        )
        by_journey = tables["activity_journeys"]
        assert set(by_journey.fields) - {"_time"} >= {hour["journey"] for hour in kept}
        assert sum(float(row.get("ok") or 0) for row in tables["runs_status"].rows) == week.HOURS

    def test_in_a_week_that_ends_without_segment_and_cluster(self, site):
        site.audit_event(week.END - 30, '{"auditID":"1","kind":"audit","objectRef":{"apiGroup":"tekton.dev"')
        week.pass_by(site, outage=True, inputs=False)
        tables = overview.results(site, START, week.END)
        assert value(tables, "last_success") > 6
        assert value(tables, "maps_age") > 360
        assert value(tables, "letters_count") == 38
        assert value(tables, "audit_unreadable") == 1
        assert [(row["reason"], float(row["runs"])) for row in tables["refusals"].rows] == [("http_503", 9)]
        assert {row["reason"]: (row["waits for"], float(row["events"])) for row in tables["letters_table"].rows} == {
            "too_large": ("a person", 1),
            "http_503": ("the next try", 37),
        }
        assert tables["errors"].rows[0]["reason"] == "not_sent"
        assert len(tables["errors"].rows) == 9
        assert sum(float(row.get("failed") or 0) for row in tables["runs_status"].rows) == 9

    def test_one_dead_cluster_among_others_is_red(self, site):
        week.pass_by(site)
        site.users(10, "dead")
        tables = overview.results(site, START, week.END)
        assert (value(tables, "maps_age"), level(tables, "maps_age")) == (1440, "bad")
        assert {row["cluster"]: row["last run"] for row in tables["maps_table"].rows} == {
            "dead": "none for a day",
            "host": "ok",
        }

    def test_if_this_member_lacks_the_internal_index(self, site, monkeypatch):
        """Search head cluster members do not search each other. The tiles and tables are the same on all of them."""
        monkeypatch.setattr(site, "_index", lambda *_: None)
        week.pass_by(site, outage=True)
        tables = overview.results(site, START, week.END)
        assert value(tables, "last_success") > 6
        assert all(tables[name].rows for name in ("refusals", "errors", "letters_table", "maps_table"))

    def test_searches_that_refresh_automatically_read_no_audit_events(self):
        sources = overview.definition()["dataSources"]
        assert not [
            name
            for name in sources
            if re.search("segment_bridge_(audit|unreadable|journeys)`", overview.query(sources, name))
        ]

    def test_the_chosen_time_range_bounds_what_is_shown(self, site):
        week.pass_by(site)
        tables = overview.results(site, week.END - 24 * HOUR, week.END)
        assert sum(float(row.get("ok") or 0) for row in tables["runs_status"].rows) == 24
        assert sum(float(row.get("accepted") or 0) for row in tables["activity_outcomes"].rows) == sum(
            hour["accepted"] for hour in site.documents("segment_activity") if hour["time"] >= week.END - 24 * HOUR
        )
