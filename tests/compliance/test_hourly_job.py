"""The hourly job's search, without segmentsend, on the recorded audit events: exactly the expected messages."""
import csv
import json
from pathlib import Path

import pytest
from ksconf.conf.parser import PARSECONF_STRICT_NC, parse_conf

from tests import recorded
from tests.compliance.host import Host, Lookup
from tests.standin.spl import run
from tests.standin.spl.host import Macro

ROOT = Path(__file__).parents[2]
SEARCH = "search `segment_bridge_audit` `segment_bridge_candidates` | `segment_bridge_journeys` | " \
    "`segment_bridge_attribution` | `segment_bridge_messages`"


def app_macros():
    stanzas = parse_conf(str(ROOT / "default/macros.conf"), PARSECONF_STRICT_NC)
    return {name: Macro(stanza["definition"], [arg.strip() for arg in stanza.get("args", "").split(",") if arg.strip()])
            for name, stanza in stanzas.items()}


def app_lookups():
    """The two CSV files, and what the usersignups input makes of the recorded cluster (KV store: texts)."""
    users = [{"username": item.get("status", {}).get("compliantUsername"), "cluster": "host",
              "sso_user_id": item["metadata"].get("annotations", {}).get("toolchain.dev.openshift.com/sso-user-id")}
             for item in recorded.usersignups()["items"]]
    labels = [(item["metadata"]["name"], item["metadata"].get("labels", {}))
              for item in recorded.namespaces()["items"]]
    tenants = [{"namespace": name, "cluster": "host", "workspace": label.get("toolchain.dev.openshift.com/space")}
               for name, label in labels if label.get("toolchain.dev.openshift.com/type") == "tenant"]
    found = {
        "usersignups": Lookup(("username", "sso_user_id", "cluster", "updated"),
                              [user for user in users if user["username"] and user["sso_user_id"]], "kvstore", 1),
        "tenant_namespaces": Lookup(("namespace", "workspace", "cluster", "updated"),
                                    [tenant for tenant in tenants if tenant["workspace"]], "kvstore", 1)}
    for name in ("event_subjects", "event_verbs"):
        with open(ROOT / "lookups" / (name + ".csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        found[name] = Lookup(list(rows[0]), rows, "csv", 1)
    return found


def journeys(events, lookups=None):
    """What the job's search finds in these events: texts, oldest first, or rows."""
    rows = [{"index": "k8s_audit", **(event if isinstance(event, dict) else {"_raw": event})} for event in events]
    return run(SEARCH, Host(app_macros(), lookups or app_lookups(), rows, {"KV_MODE": "auto"}))


@pytest.fixture(scope="module")
def results():
    return journeys([{"_raw": line.raw, "_time": "%.3f" % (1_699_990_000 + line.offset)}
                     for line in sorted(recorded.audit_lines(), key=lambda line: line.offset)])


def message(row):
    return {"type": "track", **{name: row[name] for name in ("messageId", "timestamp", "userId", "event")},
            "properties": json.loads(row["properties"]), "context": json.loads(row["context"])}


def test_rows_with_a_user_are_exactly_the_expected_messages(results):
    expected = recorded.expected_messages()
    got = {row["messageId"]: message(row) for row in results.rows if "userId" in row}
    assert set(got) == set(expected)
    assert {key for key in got if got[key] != expected[key]} == set()


def test_rows_are_all_the_journeys(results):
    journeys = recorded.expected_counts()["journeys"]
    assert {name: sum(row["journey"] == name.split(" ", 1)[1] for row in results.rows) for name in journeys} == {
        name: numbers["events"] for name, numbers in journeys.items()}
