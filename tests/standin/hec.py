"""HTTP Event Collector, on its own port.

Getting Data In, "Format events for HTTP Event Collector" and "Troubleshoot HTTP Event Collector" (its codes); REST API
reference, collector, collector/event, collector/raw, collector/health. If one event of a request is wrong, none of them
is indexed. Acknowledgement, metrics and tokens in the query string are not known here.
"""

import base64
import gzip
import json
import re
import zlib
from typing import Any, Dict, Iterator, List, Optional, Tuple

from werkzeug.wrappers import Request, Response

from .refusal import Refusal
from .stores.conf import Settings, Stanza, is_true, props_for
from .stores.events import Event, lines

_STANZA = "http://"
_PATH = re.compile(r"/services/collector(/event|/raw|/health)?(/1\.0)?/?")
_BLANKS = re.compile(r"\s*")
_METADATA = ("host", "source", "sourcetype", "index")
_KEYS = ("time", "event", "fields", *_METADATA)
_LATEST_S = 4_102_444_800  # the year 2100; a larger number cannot be seconds
_ERRORS = {
    1: (403, "Token disabled"),
    2: (401, "Token is required"),
    3: (401, "Invalid authorization"),
    4: (403, "Invalid token"),
    5: (400, "No data"),
    6: (400, "Invalid data format"),
    7: (400, "Incorrect index"),
    12: (400, "Event field is required"),
    13: (400, "Event field cannot be blank"),
    15: (400, "Error in handling indexed fields"),
}


class _Wrong(Exception):
    """`code` is one of _ERRORS, `number` that of the event, counted from 0, and `what` names what is not known here."""

    def __init__(self, code: int, number: Optional[int] = None, what: str = ""):
        super().__init__(code)
        self.code, self.number, self.what = code, number, what

    def response(self) -> Response:
        status, text = _ERRORS[self.code]
        answer: Dict[str, Any] = {"text": text + (": " + self.what if self.what else ""), "code": self.code}
        if self.number is not None:
            answer["invalid-event-number"] = self.number
        return _json(answer, status)


class Collector:
    """The application that serves the port."""

    def __init__(self, splunkd):
        self._splunkd = splunkd

    def __call__(self, request: Request) -> Response:
        found = _PATH.fullmatch(request.path)
        if not found:
            return _json({"text": "The requested URL was not found on this server.", "code": 404}, 404)
        kind = found.group(1)
        if request.method != ("GET" if kind == "/health" else "POST"):
            return _json({"text": "Method Not Allowed", "code": 405}, 405)
        if kind == "/health":
            return _json({"text": "HEC is healthy", "code": 17})
        try:
            token = self._token(request)
            allowed = _METADATA if kind == "/raw" else ()
            for name in request.args:
                if name not in allowed:
                    raise _Wrong(6, what="query string argument '%s' is not known here" % name)
            events = (self._raw if kind == "/raw" else self._events)(token, request, _body(request))
            self._splunkd.events.add(events)
        except _Wrong as wrong:
            return wrong.response()
        except Refusal as refusal:  # how props.conf treats such events is not known here
            return _Wrong(6, what=refusal.text).response()
        return _json({"text": "Success", "code": 0})

    def _token(self, request: Request) -> Stanza:
        header = request.headers.get("Authorization")
        if header is None:
            raise _Wrong(2)
        scheme, _, value = header.partition(" ")
        if scheme == "Basic":
            try:
                value = base64.b64decode(value, validate=True).decode().partition(":")[2]
            except ValueError:
                raise _Wrong(3) from None
        elif scheme != "Splunk" or not value.strip():
            raise _Wrong(3)
        for name, stanza in self._splunkd.confs.stanzas("inputs").items():
            if name.startswith(_STANZA) and stanza.settings.get("token", "").lower() == value.strip().lower():
                if is_true(stanza.settings.get("disabled", "0")):
                    raise _Wrong(1)
                return stanza
        raise _Wrong(4)

    def _events(self, token: Stanza, request: Request, body: str) -> List[Event]:
        """An event for each JSON object; the objects follow one another without separators."""
        known, found = set(self._splunkd.events.indexes()), []
        for number, given in enumerate(_objects(body)):
            if not isinstance(given, dict):
                raise _Wrong(6, number)
            for key in given:
                if key not in _KEYS:
                    raise _Wrong(6, number, "the key '%s' is not known here" % key)
            raw = _text(given, number)
            seconds = _seconds(given["time"], number) if "time" in given else self._splunkd.clock.now()
            metadata = _metadata(given, token.settings, request, token.name[len(_STANZA) :], number)
            self._check_index(metadata[0], token.settings, known, number)
            found.append(Event(raw, seconds, *metadata, _fields(given.get("fields", {}), number)))
        if not found:
            raise _Wrong(5)
        return found

    def _raw(self, token: Stanza, request: Request, body: str) -> List[Event]:
        """The text broken into events and given times as props.conf says."""
        metadata = _metadata(request.args.to_dict(), token.settings, request, token.name[len(_STANZA) :], None)
        self._check_index(metadata[0], token.settings, set(self._splunkd.events.indexes()), None)
        _, host, source, sourcetype = metadata
        props = props_for(self._splunkd.confs.stanzas("props"), sourcetype, source, host)
        texts = lines(body, props)
        if not texts:
            raise _Wrong(5)
        return [Event(text, None, *metadata) for text in texts]

    def _check_index(self, index: str, settings: Settings, known: set, number: Optional[int]) -> None:
        allowed = [name for name in re.split(r"[,\s]+", settings.get("indexes", "")) if name]
        if index not in known or (allowed and index not in allowed):
            raise _Wrong(7, number)


def _body(request: Request) -> str:
    data = request.get_data()
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    try:
        if encoding == "gzip":
            data = gzip.decompress(data)
        elif encoding != "identity":
            raise _Wrong(6, what="Content-Encoding: %s is not known here" % encoding)
        text = data.decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError):
        raise _Wrong(6) from None
    if not text.strip():
        raise _Wrong(5)
    return text


def _objects(body: str) -> Iterator[Any]:
    decoder, number = json.JSONDecoder(), 0
    at = _BLANKS.match(body).end()
    while at < len(body):
        try:
            found, at = decoder.raw_decode(body, at)
        except (ValueError, RecursionError):
            raise _Wrong(6, number) from None
        at = _BLANKS.match(body, at).end()
        yield found
        number += 1


def _text(given: Dict[str, Any], number: int) -> str:
    """The event as it is indexed. Anything but a text becomes JSON without blanks."""
    event = given.get("event")
    if event is None:
        raise _Wrong(12, number)
    text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    if not text.strip():
        raise _Wrong(13, number)
    return text


def _seconds(value: Any, number: int) -> float:
    """Seconds since 1970, from a number or a text that is one."""
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else -1
    except ValueError:
        raise _Wrong(6, number) from None
    if not 0 <= seconds < _LATEST_S:
        raise _Wrong(6, number, "time is seconds since 1970")
    return seconds


def _metadata(
    given: Dict[str, Any], settings: Settings, request: Request, name: str, number: Optional[int]
) -> Tuple[str, str, str, str]:
    """Index, host, source and sourcetype: the event's own, else the token's, else the collector's."""
    defaults = {"index": "main", "host": request.host, "source": "http:" + name, "sourcetype": "httpevent"}
    chosen = []
    for key in ("index", "host", "source", "sourcetype"):
        value = given.get(key) or settings.get(key)
        if value is not None and not isinstance(value, str):
            raise _Wrong(6, number)
        chosen.append(
            defaults[key]
            if not value or (key, value) in (("index", "default"), ("host", "$decideOnStartup"))
            else value
        )
    return tuple(chosen)


def _fields(given: Any, number: int) -> Dict[str, Any]:
    """Indexed fields, whose values are texts or lists of texts."""
    if not isinstance(given, dict):
        raise _Wrong(15, number)
    fields = {}
    for name, value in given.items():
        values = value if isinstance(value, list) else [value]
        if not name or any(isinstance(each, (dict, list)) or each is None for each in values):
            raise _Wrong(15, number)
        texts = [each if isinstance(each, str) else json.dumps(each) for each in values]
        if texts:
            fields[name] = texts if len(texts) > 1 else texts[0]
    return fields


def _json(answer: Dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(answer), status, content_type="application/json; charset=UTF-8")
