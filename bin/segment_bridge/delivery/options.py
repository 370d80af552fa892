"""Parses the settings of a destination (segment_bridge.conf) and the options of segmentsend; pure.

README/segment_bridge.conf.spec and docs/segmentsend.md document each of them.
"""

import json
import re
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Dict, Iterable, List, Mapping, Set, Tuple

from segment_bridge.delivery import defaults
from segment_bridge.delivery.receivers import RECEIVERS, Receiver
from segment_bridge.errors import SettingsError
from segment_bridge.settings import (
    NAME,
    TRUE,
    Way,
    boolean,
    checked,
    number,
    one_of,
    parse,
    path,
    proxy_url,
    setting,
    url_parts,
)


def batch_url(text: str) -> str:
    """Checks the URL at which a receiver takes batches. Plain HTTP is allowed only to this machine."""
    url = url_parts(text, "https", "http")
    if url is None or (url.scheme == "http" and url.hostname not in ("127.0.0.1", "::1", "localhost")):
        raise ValueError("must be a URL that begins with https:// (http:// only for this machine)")
    if url.path in ("", "/"):
        raise ValueError("must end with the path that takes batches, such as /v1/batch")
    if "@" in url.netloc:
        raise ValueError("must not hold credentials: the write key belongs in the password store")
    return text


def destination_name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("must be the name of a destination: letters, digits, dots, hyphens and underscores")
    return text


_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OWN_HEADERS = re.compile(
    r"(?i)host|connection|te|trailer|upgrade|expect|date|user-agent|x-retry-count|content-.*|transfer-.*"
)
_SECRET_HEADERS = re.compile(r"(?i).*(auth|cookie|key|token|secret|passw|credential).*")


def _headers(text: str) -> Tuple[Tuple[str, str], ...]:
    """Parses a JSON object of extra request headers. Every user can read them, so none may hold a credential."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError('must be a JSON object whose values are strings, such as {"X-Strict-Mode": "1"}')
    for name, content in value.items():
        if _SECRET_HEADERS.fullmatch(name):
            raise ValueError("must be without credentials such as %s, which everyone could read" % name)
        if not _HEADER.fullmatch(name) or _OWN_HEADERS.fullmatch(name) or not re.fullmatch(r"[ -~]*", content):
            raise ValueError(
                "must be valid request headers other than those that the app sets itself: %s is not allowed" % name[:80]
            )
    return tuple(value.items())


def _id(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z._-]{1,200}", text):
        raise ValueError("must be an id: letters, digits, dots, hyphens and underscores")
    return text


REGIONS = RECEIVERS["segment"].endpoints
MAX_BATCH_EVENTS = 2_500  # of a larger batch, Segment throws events away although it answers 200
MAX_EVENT_BYTES = 32_768
_SIZES = ("max_batch_bytes", "max_event_bytes")
_LARGEST = max(each.max_batch_bytes for each in RECEIVERS.values())


@dataclass(frozen=True)
class Destination:
    """A source in Segment, or another receiver of its protocol, and how to send to it. Times are in seconds."""

    name: str
    receiver: str = setting("segment", one_of(*RECEIVERS))
    region: str = setting("", one_of(*REGIONS))
    url: str = setting("", batch_url)
    gzip: bool = setting(True, boolean)
    max_batch_bytes: int = setting(480_000, number(33_000, _LARGEST))
    max_batch_events: int = setting(2_000, number(1, MAX_BATCH_EVENTS))
    max_event_bytes: int = setting(MAX_EVENT_BYTES, number(1_000, _LARGEST))
    max_attempts: int = setting(3, number(1, 100))  # the next hour's job and dead letters give events further attempts
    connect_timeout: float = setting(5.0, number(0.1, 300, float))
    timeout: float = setting(30.0, number(0.1, 600, float))
    deadline: float = setting(600.0, number(1, 86_400, float))
    concurrency: int = setting(16, number(1, 16))
    max_eps: float = setting(0.0, number(0, 1_000_000, float))
    proxy_url: str = setting("", proxy_url)
    ca_file: str = setting("", path)
    dead_letters: bool = setting(False, boolean)
    ledger: bool = setting(False, boolean)
    headers: Tuple[Tuple[str, str], ...] = setting((), _headers, is_shown=False)
    context: str = setting("", defaults.context)
    integrations: str = setting("", defaults.integrations)
    source_id: str = setting("", _id)
    oauth_app_id: str = setting("", _id)
    oauth_key_id: str = setting("", _id)

    @property
    def kind(self) -> Receiver:
        return RECEIVERS[self.receiver]

    @property
    def way(self) -> Way:
        """How to reach the receiver, and other services that the app asks about it."""
        return Way(self.connect_timeout, self.timeout, self.proxy_url, self.ca_file)

    @property
    def is_segments_own(self) -> bool:
        """Whether events go to an address of Segment itself, so that the app can ask Segment about the key."""
        return self.receiver == "segment" and not self.url

    @property
    def additions(self) -> Dict[str, defaults.Add]:
        """What to add to each event's objects, by the object's name."""
        given = {"context": self.context, "integrations": self.integrations}
        return {name: defaults.add(text) for name, text in given.items() if text}

    @property
    def endpoint(self) -> str:
        return self.url or self.kind.endpoints[self.region]

    @classmethod
    def parse(cls, name: str, stanza: Mapping[str, Any], overrides: Mapping[str, Any]) -> "Destination":
        """Parses a stanza of segment_bridge.conf as splunkd returns it.

        Args:
            overrides: values of `Options` that take precedence over the stanza.

        Raises:
            SettingsError: the destination is disabled, or a setting is unknown, missing, not valid, or does not fit
                the receiver.
        """
        where = "segment_bridge.conf [%s]" % name
        own = {key: text for key, text in stanza.items() if not key.startswith("eai:")}
        # splunkd's JSON has a boolean there, whatever the file says.
        if str(own.pop("disabled", None) or "0").lower() in TRUE:
            raise SettingsError("%s is disabled: set disabled = 0" % where, setting="disabled")
        for key in own:
            if key not in cls.__dataclass_fields__:
                text = '%s has "%s", which is not a setting: see segment_bridge.conf.spec'
                raise SettingsError(text % (where, key), setting=key)
        destination = replace(parse(cls, where, own, name=name), **overrides)
        given = {key for key, text in own.items() if (text or "").strip()} | {*overrides}
        try:
            return destination._fitted(given)
        except _Unfit as unfit:
            setting, text = unfit.args
            raise SettingsError("%s %s %s" % (where, setting, text), setting=setting) from None

    def _fitted(self, given: Set[str]) -> "Destination":
        """Applies the receiver's own defaults, and checks that the settings fit together.

        Args:
            given: names of the settings that are set explicitly.

        Raises:
            _Unfit: a setting does not fit the receiver or another setting.
        """
        kind, fitted = self.kind, self
        if not self.url and not kind.endpoints:
            raise _Unfit("url", "must be set, to the address where your %s takes batches" % kind.title)
        if not self.url and not self.region:
            raise _Unfit(
                "region",
                "must be set to us or eu, whichever the workspace of %s is in (or url, for another receiver)"
                % kind.title,
            )
        for name in _SIZES:
            most = getattr(kind, name)
            if getattr(self, name) > most:
                raise _Unfit(name, "must be at most %s for %s" % (format(most, ","), kind.title))
        if "max_event_bytes" not in given:
            fitted = replace(fitted, max_event_bytes=kind.max_event_bytes)
        if "ledger" not in given:
            fitted = replace(fitted, ledger=not kind.drops_repeats)
        if bool(self.oauth_app_id) != bool(self.oauth_key_id):
            missing = "oauth_key_id" if self.oauth_app_id else "oauth_app_id"
            raise _Unfit(missing, "must be set as well: OAuth needs both, and the private key in the password store")
        for name in ("oauth_app_id", "source_id"):
            if getattr(self, name) and (self.receiver != "segment" or not self.region):
                raise _Unfit(name, "is for Segment: set region, and no other receiver")
        return fitted


class _Unfit(Exception):
    """Carries a setting's name, and what is wrong with it."""


@dataclass(frozen=True)
class Options:
    """The options of segmentsend. `overrides` holds those that are also settings of a destination.

    The receiver's address, proxy and CA are not among them: only users who may change segment_bridge.conf set those.
    """

    destination: str = setting("segment", destination_name)
    dryrun: bool = setting(False, boolean)
    onfail: str = setting("error", one_of("error", "warn"))
    payload: bool = setting(False, boolean)
    overrides: Mapping[str, Any] = field(default_factory=dict)

    OVERRIDES: ClassVar = (
        "max_batch_bytes",
        "max_batch_events",
        "max_attempts",
        "timeout",
        "deadline",
        "concurrency",
        "max_eps",
        "dead_letters",
        "context",
        "integrations",
    )

    @classmethod
    def names(cls) -> List[str]:
        return [*(each.name for each in fields(cls) if "check" in each.metadata), *cls.OVERRIDES]

    @classmethod
    def parse(cls, arguments: Iterable[str]) -> "Options":
        """Parses the arguments of the command, such as "dryrun=true".

        Raises:
            SettingsError: an option is unknown, empty, given twice, or has a value that is not valid.
        """
        where = "segmentsend option"
        texts: Dict[str, str] = {}
        for argument in arguments:
            name, sign, text = argument.partition("=")
            if not sign:
                raise SettingsError('segmentsend takes options such as dryrun=true, got "%s"' % argument[:80])
            if name not in cls.names():
                raise SettingsError('segmentsend has no option "%s"; it has %s' % (name[:80], ", ".join(cls.names())))
            fault = ""
            if name in texts:
                fault = "is given twice: remove one"
            elif not text.strip():
                fault = "is empty: give it a value, or leave it out for its default"
            if fault:
                raise SettingsError("%s %s %s" % (where, name, fault), setting=name)
            texts[name] = text
        return parse(
            cls,
            where,
            texts,
            overrides=checked(
                Destination, where, {name: text for name, text in texts.items() if name in cls.OVERRIDES}
            ),
        )
