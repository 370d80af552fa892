"""Two days of a site that really sends: recorded audit events, repeated every hour, and the app's own searches over
them.

Everything that the dashboard's picture shows was written by the app.
"""

import json
import math
import random
from pathlib import Path
from typing import Dict, List

from tests.standin.values import Results
from tests.support import recorded
from tests.support.fakes import faults
from tests.system.operations import overview
from tests.system.operations.bridge import AGAIN, BACKFILL, Bridge, bridge
from tests.system.operations.site import ALERT, APP, CLUSTER, HOUR, JOB, START

HOURS = 48
LATE_S = 60
"""How many seconds after it happened each audit event is indexed."""
END = START + HOURS * HOUR
_OUTAGES = (range(20, 22), range(44, 48))
"""Hours without Segment: one outage is over, one goes on."""
_LATE = ("Audit events cannot be read", "No audit events arrive", "The job has not succeeded")


def shown(folder: Path, package: Path) -> Dict[str, Results]:
    """What each data source of the dashboard returns at the end of the two days."""
    with bridge(folder, package) as site:
        pass_by(site)
        return overview.results(site, START, END)


def pass_by(site: Bridge) -> None:
    chance = random.Random(1)
    journeys, others = _recorded()
    site.set_map(*_usernames()[: len(_usernames()) * 9 // 10])
    site.save("tenant_namespaces", *_namespaces())
    for hour in range(HOURS):
        begins = START + hour * HOUR
        day = max(0.1, math.sin((hour % 24 - 6) / 12 * math.pi))
        for number, raw in enumerate(chance.sample(journeys, round(len(journeys) * 0.4 * day)) + others[:50]):
            at = begins + chance.uniform(0, HOUR - 1)
            site.audit_event(at, _again(raw, "%d-%d" % (hour, number), at), LATE_S)
        site.clock.move_to(begins + HOUR)
        is_down = any(hour in each for each in _OUTAGES)
        site.segment.faults = faults.always(faults.status(503)) if is_down else None
        site.try_to_run(JOB, begins + HOUR + 420)
        for minute in (0, 30):
            site.input(begins + minute * 60, users=len(_usernames()))
        if not is_down:
            site.try_to_run(AGAIN, begins + HOUR + 900)
    for alert in _LATE:
        site.run(ALERT + alert, END + 1500)
    for search in (JOB, AGAIN, BACKFILL):
        site.splunkd.confs.write("savedsearches", APP, search, {"enableSched": "1"})


def _recorded() -> tuple:
    """The raw events that are journeys, and the others."""
    expected = recorded.expected_messages()
    journeys: List[str] = []
    others: List[str] = []
    for line in recorded.audit_lines():
        try:
            event = json.loads(line.raw)
        except ValueError:
            continue
        (journeys if event.get("auditID") in expected else others).append(line.raw)
    return journeys, others


def _again(raw: str, number: str, at: float) -> str:
    """A copy that counts as another event."""
    event = json.loads(raw)
    event["auditID"] = "%s-%s" % (event.get("auditID", ""), number)
    return json.dumps(event, separators=(",", ":"))


def _usernames() -> List[str]:
    found = [each.get("status", {}).get("compliantUsername") for each in recorded.usersignups()["items"]]
    return [name for name in found if name]


def _namespaces() -> List[dict]:
    """The records of the tenants' namespaces."""
    found = [(each["metadata"]["name"], each["metadata"].get("labels", {})) for each in recorded.namespaces()["items"]]
    label = "toolchain.dev.openshift.com/space"
    return [
        {
            "_key": CLUSTER + "/" + name,
            "namespace": name,
            "workspace": labels[label],
            "cluster": CLUSTER,
            "updated": START,
        }
        for name, labels in found
        if label in labels
    ]
