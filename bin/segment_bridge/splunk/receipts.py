"""The search command `segmentreceipts`: asks Segment's Public API what became of events.

Each row names a destination, or none for all that have a `source_id` and a token of the Public API. For each, the
command asks for the last 24 hours, compares them with what runs of segmentsend got accepted, and replaces these hours
in the collection segment_receipts. It also returns them as rows.
"""

import contextlib
import hashlib
import json
import time
from typing import Any, Dict, Iterable, Iterator, List, Optional

from splunklib.client import Service
from splunklib.searchcommands import Configuration

from segment_bridge.credentials import checked
from segment_bridge.delivery.options import Destination
from segment_bridge.errors import SegmentBridgeError, SettingsError, presentable
from segment_bridge.receipts import checks, funnel
from segment_bridge.receipts.checks import Check
from segment_bridge.receipts.public_api import ApiRefused, Count, PublicApi, Window
from segment_bridge.retry import Retry
from segment_bridge.runlog import RunLog
from segment_bridge.splunk import passwords, rest, run_records
from segment_bridge.splunk.kvstore import Collection
from segment_bridge.splunk.search_command import SearchCommand
from segment_bridge.splunk.stanzas import CHECKS, CONF, destinations

RECEIPTS = "segment_receipts"
KEPT_S = 30 * 86_400
HOURS = 24
_LOOKED_AT_S = 6 * funnel.HOUR_S
"""Runs that ended up to this long before the hours asked for may overlap with runs in them."""
_ANSWER_BYTES = 4_000_000
_PATIENCE_S = 30.0


@Configuration(distributed=False)  # on the search head, where the password store is
class SegmentReceipts(SearchCommand):
    """Returns what became of the events of the destinations that rows name."""

    def prepare(self) -> None:
        if self.fieldnames:
            self.write_error("segmentreceipts takes no arguments: the field destination says what to ask for")

    def stream(self, records: Iterable[Dict[str, Any]]) -> Iterator[Dict[str, Any]]:
        if getattr(self.metadata, "preview", False):
            return
        info = self.metadata.searchinfo
        service = rest.connect(info.splunkd_uri, info.session_key)
        for record in records:
            given = str(record.get("destination") or "")
            for name in destinations(service, given):
                with RunLog("segmentreceipts", info.sid, destination=name) as log:
                    try:
                        destination = Destination.parse(name, rest.stanza(service, CONF, name), {})
                        if not destination.source_id:
                            if not given:
                                continue
                            text = "%s.conf [%s] has no source_id: set it, so that Segment can be asked about it"
                            raise SettingsError(text % (CONF, name), setting="source_id")
                        for row in _received(service, destination, log):
                            yield {"_time": row["hour"], **row}
                    except Exception as error:  # the other destinations still have to be asked about
                        told = presentable(error)
                        log.error("error", reason=told.reason, error=str(told))
                        self.write_warning(told.told("segmentreceipts").replace("{", "(").replace("}", ")"))


SegmentReceipts.option_definitions = []  # splunklib's own, in whatever version


def api(service: Service, destination: Destination, deadline_s: float) -> PublicApi:
    """Opens Segment's Public API with the destination's token.

    Raises:
        SecretError, SplunkdError: the token is missing or cannot be read.
    """
    from segment_bridge import exchange  # the HTTP client is slow to import, and getinfo must not wait for it

    what = "token of the Public API for [%s]" % destination.name
    token = checked(passwords.own(service, passwords.api_token(destination.name), what), what)
    asker = exchange.Asker(destination.way, "Segment's Public API", [token], _ANSWER_BYTES)
    return PublicApi(asker.ask, destination.region, token, deadline_s=deadline_s)


def source_checks(ours: PublicApi, source_id: str) -> List[Check]:
    """Checks that the token is valid, and that the source exists and is enabled."""
    try:
        source = ours.source(source_id)
    except ApiRefused as error:
        about = "token" if error.status in (401, 403) else "source"
        return [Check(about, checks.WARN, error.reason, str(error))]
    except SegmentBridgeError as error:
        return [Check("source", checks.UNKNOWN, error.reason, str(error))]
    if not source.is_enabled:
        text = (
            'the source "%s" is disabled: Segment throws away what it is sent. Enable it in Segment, under its Settings'
        )
        return [
            Check("token", checks.OK, "", "it is valid"),
            Check("source", checks.WARN, "source_disabled", text % source.name),
        ]
    return [
        Check("token", checks.OK, "", "it is valid"),
        Check("source", checks.OK, "", 'the source "%s" is enabled' % source.name),
    ]


def _received(service: Service, destination: Destination, log: RunLog) -> List[Dict[str, Any]]:
    """Asks Segment, saves what it says in the collections, and returns the new documents of segment_receipts.

    Raises:
        SegmentBridgeError: Segment, splunkd or KV store cannot be reached, or refuses.
    """
    now = int(time.time())
    since = now // funnel.HOUR_S * funnel.HOUR_S - HOURS * funnel.HOUR_S
    ours, window = api(service, destination, 240.0), Window(since, now)
    found = source_checks(ours, destination.source_id)
    _keep_checks(service, destination.name, found)
    for each in found:
        if each.status == checks.WARN and each.code != "source_disabled":
            raise SegmentBridgeError(each.text, reason=each.code)
        if each.status == checks.WARN:
            log.warning("warning", reason=each.code, error=each.text)
    failed, filtered = (_beta(look, destination, window, log) for look in (ours.failed, ours.filtered))
    received = _beta(ours.received, destination, window, log)
    if received is None:  # the stable part of the API has this count, too
        received = ours.volume(destination.source_id, window)
    runs = Collection(service, run_records.COLLECTION, Retry(deadline_s=_PATIENCE_S)).read(
        {"component": "segmentsend", "destination": destination.name, "time": {"$gte": since - _LOOKED_AT_S}},
        "_key,events,earliest,latest",
    )
    rows = funnel.rows(funnel.runs(runs), received, failed or [], filtered or [], since)
    documents = [_document(destination.name, row, now) for row in rows]
    collection = Collection(service, RECEIPTS, Retry(deadline_s=_PATIENCE_S))
    collection.save(documents)
    collection.delete({"destination": destination.name, "hour": {"$gte": since}, "updated": {"$lt": now}})
    collection.delete({"hour": {"$lt": now - KEPT_S}})
    totals = {
        name: sum(document[name] for document in documents)
        for name in ("accepted", "repeats", "received", "discarded", "filtered")
    }
    log.info("receipts", hours=HOURS, **totals)
    return documents


def _beta(look: Any, destination: Destination, window: Window, log: RunLog) -> Optional[List[Count]]:
    """Counts from the beta part of the API; None, with a warning in the run log, if it refuses."""
    try:
        counts: List[Count] = look(destination.source_id, window)
        return counts
    except ApiRefused as error:
        if error.status == 401:
            raise
        log.warning("warning", reason=error.reason, error=str(error))
        return None


def _document(name: str, row: funnel.Row, now: int) -> Dict[str, Any]:
    digest = hashlib.sha256(row.event.encode()).hexdigest()[:32]
    return {
        **row._asdict(),
        "_key": "%s/%d/%s" % (name, row.hour, digest),
        "destination": name,
        "updated": now,
        "reasons": json.dumps(row.reasons, sort_keys=True),
    }


def _keep_checks(service: Service, name: str, found: List[Check]) -> None:
    """Saves checks next to those that segmentcheck saves."""
    documents = [
        {"_key": "%s/%s" % (name, each.check), "destination": name, "time": time.time(), **each._asdict()}
        for each in found
    ]
    with contextlib.suppress(SegmentBridgeError):
        Collection(service, CHECKS, Retry(max_attempts=2, first_wait_s=0.3)).save(documents)
