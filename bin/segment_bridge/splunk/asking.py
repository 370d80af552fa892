"""The search command `segmentcheck`: checks destinations without sending them an event.

Each row names a destination, or none to check all of them. The command returns one row for each check, and saves the
checks in the collection segment_checks, where alerts and pages read the latest. It does not save those of a destination
that is disabled or does not exist, of which no alert should warn. Users who may not write to the collection still get
the rows.
"""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Callable, Dict, Iterable, Iterator, List

from splunklib.client import Service
from splunklib.searchcommands import Configuration

from segment_bridge.delivery.options import Destination
from segment_bridge.errors import SegmentBridgeError, presentable
from segment_bridge.receipts import checks, keys
from segment_bridge.receipts.checks import Check
from segment_bridge.retry import Retry
from segment_bridge.runlog import RunLog
from segment_bridge.settings import Way
from segment_bridge.splunk import passwords, rest
from segment_bridge.splunk.kvstore import Collection
from segment_bridge.splunk.search_command import SearchCommand
from segment_bridge.splunk.stanzas import CHECKS, CONF, destinations

_PATIENCE_S = 5.0
"""The limit for a connection, and for an answer. It is short because a person waits for the page."""
_ANSWER_BYTES = 4_000_000


@Configuration(distributed=False)  # on the search head, where the password store is
class SegmentCheck(SearchCommand):
    """Returns the checks of the destinations that rows name."""

    def prepare(self) -> None:
        if self.fieldnames:
            self.write_error("segmentcheck takes no arguments: the field destination says what to check")

    def stream(self, records: Iterable[Dict[str, Any]]) -> Iterator[Dict[str, Any]]:
        if getattr(self.metadata, "preview", False):
            return
        info = self.metadata.searchinfo
        service = rest.connect(info.splunkd_uri, info.session_key)
        with RunLog("segmentcheck", info.sid) as log:
            for record in records:
                given, listed = str(record.get("destination") or ""), destinations(service, "")
                for name in [given] if given else listed:
                    found = _looked("settings", partial(check, service, name))
                    _log(name, found, log)
                    if name in listed:
                        _keep(service, name, found)
                    now = time.time()
                    yield from ({"_time": now, "destination": name, **each._asdict()} for each in found)


SegmentCheck.option_definitions = []  # splunklib's own, in whatever version


def check(service: Service, name: str) -> List[Check]:
    """Runs all checks of a destination. What cannot be checked becomes a check that says so.

    Raises:
        SegmentBridgeError: there is no such destination, or its settings are wrong.
    """
    # The HTTP client is slow to import, and getinfo must not wait for it.
    from segment_bridge import exchange

    destination = Destination.parse(name, rest.stanza(service, CONF, name), {})
    exchange.check_ca_file("%s.conf [%s]" % (CONF, name), destination.ca_file)
    try:
        write_key, found = passwords.read(service, name, "write key of [%s]" % name), []
    except SegmentBridgeError as error:
        write_key, found = "", [Check("key", checks.WARN, error.reason, str(error))]
    way = destination.way
    way = Way(min(way.connect_timeout, _PATIENCE_S), min(way.timeout, _PATIENCE_S), way.proxy_url, way.ca_file)
    endpoint = destination.endpoint
    looks: List[Callable[[], List[Check]]] = [
        lambda: checks.connection(exchange.Asker(way, "the receiver").ask, endpoint, time.time)
    ]
    if write_key and destination.is_segments_own:
        asker = exchange.Asker(way, "Segment's settings endpoint", [write_key], _ANSWER_BYTES)
        looks.append(lambda: keys.check(asker.ask, write_key, destination.region))
    if destination.source_id:
        from segment_bridge.splunk.receipts import api, source_checks

        looks.append(lambda: source_checks(api(service, destination, 2 * _PATIENCE_S), destination.source_id))
    if not destination.kind.drops_repeats:
        found.append(_repeats(destination))
    with ThreadPoolExecutor(len(looks)) as pool:
        for each in pool.map(partial(_looked, "token"), looks):
            found += each
    return found


def _repeats(destination: Destination) -> Check:
    """Says whether the ledger is on, for a receiver that does not drop repeats."""
    title = destination.kind.title
    if destination.ledger:
        text = (
            "%s does not drop repeats by itself, so the ledger is on: what was accepted is not sent again for six hours"
        )
        return Check("repeats", checks.OK, "", text % title)
    text = (
        "%s does not drop repeats by itself, and the ledger is off: what is sent again counts twice. Set ledger = true"
    )
    return Check("repeats", checks.WARN, "no_ledger", text % title)


def _looked(about: str, look: Callable[[], List[Check]]) -> List[Check]:
    """What was found; or else a check of this name that says why nothing was."""
    try:
        return look()
    except SegmentBridgeError as error:
        return [Check(about, checks.WARN, error.reason, str(error))]
    except Exception as error:  # a fault of the app: the other checks are still worth showing
        told = presentable(error)
        return [Check("settings", checks.UNKNOWN, told.reason, str(told))]


def _log(name: str, found: List[Check], log: RunLog) -> None:
    """Logs the checks that found a problem."""
    for each in found:
        if each.status == checks.WARN:
            log.warning("warning", destination=name, reason=each.code, error="%s: %s" % (each.check, each.text))


def _keep(service: Service, name: str, found: List[Check]) -> None:
    """Replaces the destination's checks in the collection."""
    now = time.time()
    collection = Collection(service, CHECKS, Retry(max_attempts=2, first_wait_s=0.3))
    with contextlib.suppress(SegmentBridgeError):
        collection.save(
            [
                {"_key": "%s/%s" % (name, each.check), "destination": name, "time": now, **each._asdict()}
                for each in found
            ]
        )
        collection.delete({"destination": name, "time": {"$lt": now}})
