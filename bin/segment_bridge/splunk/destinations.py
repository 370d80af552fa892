"""Opens a run to a destination, with the settings, write key, dead letters and ledger that Splunk keeps for it."""

import time
from dataclasses import replace
from os import urandom
from typing import Callable, List, Mapping, NamedTuple, Optional, Tuple

from splunklib.client import Service

from segment_bridge.delivery.client import fingerprint
from segment_bridge.delivery.dead_letters import COLLECTION as DEAD_LETTERS
from segment_bridge.delivery.dead_letters import DeadLetters, Letters
from segment_bridge.delivery.ledger import COLLECTION as LEDGER
from segment_bridge.delivery.ledger import KeptLedger, Ledger
from segment_bridge.delivery.options import Destination, Options
from segment_bridge.delivery.run import Run
from segment_bridge.errors import SecretError
from segment_bridge.retry import Retry
from segment_bridge.runlog import RunLog
from segment_bridge.splunk import passwords, rest
from segment_bridge.splunk.kvstore import Collection

PATIENCE_S = 30.0
"""How long to wait for KV store: for every access to dead letters, and in total for the ledger of a run."""
WRITE_KEY_CHARS = 32  # of Segment's keys; those of other receivers differ


class Opened(NamedTuple):
    run: Run
    warnings: List[SecretError]


def open_run(
    service: Service,
    options: Options,
    log: RunLog,
    window: Tuple[float, float] = (0, 0),
    at_most: Optional[Mapping[str, float]] = None,
) -> Opened:
    """Opens a run with these options. Nothing has been sent when this returns.

    Args:
        service: splunkd, as the user who sends.
        window: the search's time range, in epoch seconds; 0 means no bound.
        at_most: upper limits, in seconds, for settings of the destination in this run.

    Returns:
        The run, and warnings about the write key.

    Raises:
        SettingsError, SecretError: a setting or a secret is missing or wrong.
        SplunkdError: splunkd cannot be reached, or refuses.
    """
    name = options.destination
    stanza = rest.stanza(service, "segment_bridge", name, "destination")
    destination = Destination.parse(name, stanza, options.overrides)
    shorter = {name: min(getattr(destination, name), most) for name, most in (at_most or {}).items()}
    destination = replace(destination, **shorter)
    write_key, warnings = _write_key(service, destination, options.dryrun)
    keeps = not options.dryrun
    letters = dead_letters(service, name) if destination.dead_letters and keeps else Letters()
    accepted = kept_ledger(service, name, write_key) if destination.ledger and keeps else Ledger()
    private_key = ""
    if destination.oauth_app_id and keeps:
        private_key = passwords.own(service, passwords.private_key(name), "private key of [%s]" % name)

    def salt() -> str:
        # A dry run must not need the right to read the salt.
        return passwords.salt(service, name) if keeps else urandom(passwords.SALT_BYTES).hex()

    return Opened(Run(options, destination, write_key, log, letters, accepted, window, salt, private_key), warnings)


def dead_letters(service: Service, destination: str, clock: Callable[[], float] = time.time) -> DeadLetters:
    return DeadLetters(lambda: Collection(service, DEAD_LETTERS, Retry(deadline_s=PATIENCE_S)), destination, clock)


def kept_ledger(
    service: Service, destination: str, write_key: str, clock: Callable[[], float] = time.time
) -> KeptLedger:
    collection = Collection(service, LEDGER, Retry(deadline_s=PATIENCE_S))
    return KeptLedger(collection, destination, fingerprint(write_key), clock)


def _write_key(service: Service, destination: Destination, is_dry: bool) -> Tuple[str, List[SecretError]]:
    """The write key, and a warning if it looks wrong.

    Raises:
        SecretError: there is none, and this is not a dry run.
    """
    name = destination.name
    try:
        write_key = passwords.read(service, name, "write key of [%s]" % name)
    except SecretError as error:
        if not is_dry:
            raise
        text = "%s. (Without it, the messageIds that are made differ from those of a run that sends)" % error
        return "", [SecretError(text, reason=error.reason, setting=error.setting)]
    if destination.is_segments_own and len(write_key) not in (0, WRITE_KEY_CHARS):
        text = "the write key of [%s] has %d characters, Segment's have %d: events may vanish without an error"
        return write_key, [SecretError(text % (name, len(write_key), WRITE_KEY_CHARS), setting="write_key")]
    return write_key, []
