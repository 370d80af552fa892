"""The app's macros and lookups, for searches in memory."""

import csv
from pathlib import Path

from ksconf.conf.parser import PARSECONF_STRICT_NC, parse_conf

from tests.standin.spl.host import Macro
from tests.standin.vectors.host import Lookup
from tests.support import recorded

ROOT = Path(__file__).parents[3]
MACROS = ROOT / "default/macros.conf"


def app_macros(file=MACROS):
    stanzas = parse_conf(str(file), PARSECONF_STRICT_NC)
    return {
        name: Macro(stanza["definition"], [arg.strip() for arg in stanza.get("args", "").split(",") if arg.strip()])
        for name, stanza in stanzas.items()
    }


JOURNEY_FIELDS = (
    "_key", "journey", "api_group", "resource", "subresource", "verb", "event", "who", "properties", "aliases",
    "enabled", "updated", "updated_by",
)  # fmt: skip


def app_lookups(journeys=()):
    """The CSV files, the user map of the recorded cluster (as texts, like in KV store), and extra rows."""
    users = [
        {
            "username": item.get("status", {}).get("compliantUsername"),
            "cluster": "host",
            "sso_user_id": item["metadata"].get("annotations", {}).get("toolchain.dev.openshift.com/sso-user-id"),
        }
        for item in recorded.usersignups()["items"]
    ]
    labels = [(item["metadata"]["name"], item["metadata"].get("labels", {})) for item in recorded.namespaces()["items"]]
    tenants = [
        {"namespace": name, "cluster": "host", "workspace": label.get("toolchain.dev.openshift.com/space")}
        for name, label in labels
        if label.get("toolchain.dev.openshift.com/type") == "tenant"
    ]
    found = {
        "usersignups": Lookup(
            ("username", "sso_user_id", "cluster", "updated"),
            [user for user in users if user["username"] and user["sso_user_id"]],
            "kvstore",
            1,
        ),
        "tenant_namespaces": Lookup(
            ("namespace", "workspace", "cluster", "updated"),
            [tenant for tenant in tenants if tenant["workspace"]],
            "kvstore",
            1,
        ),
        "segment_journeys": Lookup(JOURNEY_FIELDS, journeys, "kvstore", 1),
    }
    found["segment_pull_requests"] = Lookup(("_key", "message_id", "time"), [], "kvstore", 1)
    for name in ("event_subjects", "event_verbs", "builtin_journeys"):
        with open(ROOT / "lookups" / (name + ".csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        found[name] = Lookup(list(rows[0]), rows, "csv", 1)
    return found
