"""The fields that Splunk extracts from an event automatically at search time, within the default limits of limits.conf.

KV_MODE=auto extracts key=value pairs from the first 10,240 characters, and the keys of an event that is a JSON object
from its first 5,000 bytes. KV_MODE=json extracts only the latter, KV_MODE=none nothing. At most 100 fields are made. A
key in an object is named by its path with dots, one in an array a{}.b, and has all the values found.

Relies on: props.conf.spec, KV_MODE and AUTO_KV_JSON; limits.conf.spec, [kv] maxchars, limit and maxcols (0 is no
limit), [spath] extraction_cutoff.
"""

import json
import re
import sys
from typing import Any, Dict, Iterator, List, Tuple

from ..limits import Limits
from ..values import Row, SplError, from_list
from . import meter

_PAIR = re.compile(r'(?<![\w.])([A-Za-z_][\w.:-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]+))')
_SIGN = re.compile(r"\s*([{}\[\],:])\s*")
_TEXT = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*', re.S)
_LITERAL = re.compile(r"\s*(true|false|null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*")
_OTHERS = ("EXTRACT-", "REPORT-", "FIELDALIAS-", "EVAL-", "LOOKUP-")
"""Other settings that make fields at search time. None of them is known here."""
_FALSE = frozenset(("0", "false", "f", "no", "n"))


def extracted(event: Row, props: Dict[str, str], limits: Limits) -> Row:
    """The event with its fields. Those that it has from indexing stay unchanged."""
    for name in props:
        if name.startswith(_OTHERS):
            raise SplError("props.conf: %s is not known here." % name)
    mode = props.get("KV_MODE", "auto").strip().lower()
    if mode not in ("auto", "json", "none"):
        raise SplError("props.conf: KV_MODE = %s is not known here." % mode)
    raw, found = str(event["_raw"])[: limits["kv", "maxchars"] or None], {}
    most = min((limits["kv", name] for name in ("limit", "maxcols") if limits["kv", name]), default=sys.maxsize)
    wants_json = mode == "json" or (mode == "auto" and props.get("AUTO_KV_JSON", "true").lower() not in _FALSE)
    if wants_json and raw.lstrip().startswith("{"):
        for name, value in json_fields(first_bytes(raw, limits["spath", "extraction_cutoff"])):
            if name in found or len(found) < most:
                found.setdefault(name, []).append(value)
    if mode == "auto":
        for match in _PAIR.finditer(raw):
            if len(found) >= most:
                break
            name, quoted, plain = match.groups()
            found.setdefault(name, [plain if quoted is None else quoted])
    return {**{name: from_list(values) for name, values in found.items()}, **event}


def first_bytes(source: str, count: int) -> str:
    """The characters that lie wholly within the first bytes of the text."""
    return source.encode("utf-8", "surrogatepass")[:count].decode("utf-8", "ignore")


def json_fields(source: str) -> Iterator[Tuple[str, str]]:
    """(path, value) for each leaf, in order, as far as the text goes."""
    counts = meter.current()
    if counts:
        counts.json(source)
    path: List[Any] = []  # a key, or None for an element of an array
    containers: List[str] = []
    key, at = None, 0
    while at < len(source):
        sign = _SIGN.match(source, at)
        if sign:
            at = sign.end()
            if sign.group(1) in "{[":
                if containers:
                    path.append(key if containers[-1] == "{" else None)
                containers.append(sign.group(1))
                key = None
            elif sign.group(1) in "}]":
                if not containers:
                    return
                containers.pop()
                if containers:
                    path.pop()
            elif sign.group(1) == ",":
                key = None
            continue
        token = _TEXT.match(source, at) or _LITERAL.match(source, at)
        # A literal at the end of the cut text may be incomplete.
        if not token or not containers or (token.end() == len(source) and not token.group(1).startswith('"')):
            return
        at = token.end()
        value = token.group(1)
        if value.startswith('"'):
            try:  # a text without escapes needs no parser
                value = value[1:-1] if "\\" not in value and value.isprintable() else json.loads(value)
            except ValueError:
                return
        if containers[-1] == "{" and key is None:
            key = value
        else:
            yield _name([*path, key if containers[-1] == "{" else None]), value


def _name(path: List[Any]) -> str:
    """a.b for keys, a{}.b for a key in an array."""
    name = ""
    for step in path:
        name += "{}" if step is None else ("." if name else "") + step
    return name
