"""Kubernetes' API as requests and answers: targets, list options, continue tokens, pages, Status objects.

Sources of the wording and rules: "Kubernetes API Concepts" (chunks, resource versions), "Authorization Overview"
(verbs), and what API servers were seen to answer.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.support.fakes.kubernetes_objects import Collection, Object, Snapshot, label_selector
from tests.support.fakes.reply import Reply
from tests.support.fakes.server import Refusal, Request

GZIP_ABOVE_BYTES = 128 * 1024


# Requests


_PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?"
)
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "HEAD": "get"}


@dataclass(frozen=True)
class Target:
    """What a request asks for, in RBAC's terms. `resource` is empty for a path that is not a resource's."""

    path: str
    verb: str
    resource: str = ""
    namespace: str | None = None
    name: str | None = None

    @classmethod
    def of(cls, request: Request) -> Target:
        match = _PATH.fullmatch(request.path)
        verb = _VERBS.get(request.method)
        if not match:
            return cls(request.path, verb or "get")
        group, namespace, plural, name = match.group("group", "namespace", "plural", "name")
        if verb is None:
            watching = request.query.get("watch", ["false"])[0] not in ("false", "0")
            verb = "get" if name else "watch" if watching else "list"
        return cls(request.path, verb, ".".join(filter(None, (plural, group))), namespace, name)


class Token:
    """A continue token: the list's revision and the next key. Revision -1 accepts any."""

    def __init__(self, revision: int, start: str):
        self.revision = revision
        self.start = start

    def __str__(self) -> str:
        content = {"v": "meta.k8s.io/v1", "rv": self.revision, "start": self.start}
        encoded = base64.urlsafe_b64encode(json.dumps(content, separators=(",", ":")).encode())
        return encoded.decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Token:
        try:
            padded = text + "=" * (-len(text) % 4)
            content = json.loads(base64.b64decode(padded, b"-_", validate=True))
            if content["v"] != "meta.k8s.io/v1" or not content["start"] or not content["rv"]:
                raise ValueError("not a token of this server")
            return cls(int(content["rv"]), str(content["start"]))
        except (ValueError, TypeError, KeyError) as error:
            raise bad_request(f"continue key is not valid: {error}") from None


_KNOWN_PARAMETERS = {
    "limit",
    "continue",
    "labelSelector",
    "resourceVersion",
    "timeoutSeconds",
    "pretty",
    "watch",
}


@dataclass(frozen=True)
class ListOptions:
    limit: int  # 0: no limit
    token: Token | None
    selector: str

    @classmethod
    def of(cls, request: Request) -> ListOptions:
        unknown = sorted(request.query.keys() - _KNOWN_PARAMETERS)
        if unknown:
            raise bad_request(f"this fake does not know the list parameter {unknown[0]}")
        given = {name: values[0] for name, values in request.query.items()}
        limit = given.get("limit") or "0"
        if not limit.isdecimal():  # a real server accepts negative ones
            raise bad_request(f'strconv.ParseInt: parsing "{limit}": invalid syntax')
        version = given.get("resourceVersion") or ""
        if version not in ("", "0"):
            raise bad_request("this fake does not list at a resourceVersion")
        try:
            label_selector(given.get("labelSelector", ""))
        except ValueError as error:
            raise bad_request(str(error)) from None
        # From its cache (resourceVersion=0) a server returns everything, whatever the limit.
        return cls(0 if version == "0" else int(limit), continue_token(request), given.get("labelSelector", ""))


def continue_token(request: Request) -> Token | None:
    text = request.query.get("continue", [""])[0]
    return Token.parse(text) if text else None


# Answers


class Page:
    """The part of a snapshot that answers one list request."""

    def __init__(self, snapshot: Snapshot, prefix: str, token: Token, revision: int, options: ListOptions):
        self.snapshot = snapshot
        self.revision = revision
        self.positions = snapshot.positions(prefix, token.start)
        self.limit = options.limit
        self.selector = options.selector

    def json(self, collection: Collection) -> Iterator[bytes]:
        """Yields the list piece by piece. Its metadata come last, as in custom resources' lists."""
        yield b'{"apiVersion":"%s","items":[' % collection.api_version.encode()
        selected = label_selector(self.selector)
        count = 0
        for position in self.positions:
            if count and count == self.limit:
                break
            item = self.snapshot.objects[self.snapshot.keys[position]]
            if self.selector and not selected(json.loads(item)["metadata"].get("labels") or {}):
                continue
            yield item if count == 0 else b"," + item
            count += 1
        else:
            position = self.positions.stop
        metadata: Object = {"continue": "", "resourceVersion": str(self.revision)}
        remaining = self.positions.stop - position
        if remaining:
            metadata["continue"] = str(Token(self.revision, self.snapshot.keys[position]))
            if not self.selector:  # how many of the rest match is unknown
                metadata["remainingItemCount"] = remaining
        yield b'],"kind":"%s","metadata":%s}' % (
            collection.list_kind.encode(),
            json.dumps(metadata, separators=(",", ":")).encode(),
        )


def list_reply(pieces: Iterable[bytes], accepts_gzip: bool) -> Reply:
    """A list, sent chunk by chunk, and compressed if it is long and the client accepts gzip."""
    pieces = iter(pieces)
    begun, length = [], 0
    for piece in pieces:
        begun.append(piece)
        length += len(piece)
        if length > GZIP_ABOVE_BYTES:
            break
    headers = {"Content-Type": "application/json", "Vary": "Accept-Encoding"}
    body = _in_blocks(begun, pieces)
    if accepts_gzip and length > GZIP_ABOVE_BYTES:
        headers["Content-Encoding"] = "gzip"
        body = _gzipped(body)
    return Reply(200, body, headers)


def _in_blocks(begun: list[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the same bytes in blocks of at least 64 KB."""
    block = bytearray(b"".join(begun))
    for piece in rest:
        if len(block) >= 65536:
            yield bytes(block)
            block.clear()
        block += piece
    yield bytes(block)


def _gzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    deflater = zlib.compressobj(level=1, wbits=16 + zlib.MAX_WBITS)
    for block in blocks:
        yield deflater.compress(block)
    yield deflater.flush()


def discovery(path: str, collections: Iterable[Collection]) -> Object | None:
    """Answers what clients such as kubectl ask first to find out which resources exist. None for any other path.

    Source: "The Kubernetes API", unaggregated discovery.
    """
    by_version: dict[str, list[Collection]] = {"v1": []}
    for collection in collections:
        by_version.setdefault(collection.api_version, []).append(collection)
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        groups = [_group(version) for version in by_version if "/" in version]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    version = path.partition("/")[2].partition("/")[2]
    if path not in (f"/api/{version}", f"/apis/{version}") or version not in by_version:
        return None
    resources = [_resource(collection) for collection in by_version[version]]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _group(group_version: str) -> Object:
    name, _, version = group_version.partition("/")
    only = {"groupVersion": group_version, "version": version}
    return {"name": name, "versions": [only], "preferredVersion": only}


def _resource(collection: Collection) -> Object:
    kind = collection.list_kind[: -len("List")]
    plural = collection.resource.partition(".")[0]
    return {
        "name": plural,
        "singularName": kind.lower(),
        "namespaced": plural != "namespaces",
        "kind": kind,
        "verbs": ["list"],
    }


def status(code: int, reason: str, message: str, metadata: Object | None = None, **details: str) -> Reply:
    """A Status object, which is the API's answer when it cannot do what it was asked."""
    content = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {}, "status": "Failure"}
    content.update(message=message, reason=reason, code=code, **({"details": details} if details else {}))
    return Reply.json(code, content)


def bad_request(message: str) -> Refusal:
    return Refusal(status(400, "BadRequest", message))


def forbidden(user: str, target: Target) -> Refusal:
    if not target.resource:
        message = f'forbidden: User "{user}" cannot {target.verb} path "{target.path}"'
        return Refusal(status(403, "Forbidden", message))
    plural, _, group = target.resource.partition(".")
    where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    subject = f'{target.resource} "{target.name}"' if target.name else target.resource
    message = (
        f'{subject} is forbidden: User "{user}" cannot {target.verb} resource "{plural}" in API group "{group}" {where}'
    )
    details = {"name": target.name or "", "group": group, "kind": plural}
    return Refusal(status(403, "Forbidden", message, **{k: v for k, v in details.items() if v}))


def not_found() -> Reply:
    """The answer for a path at which no API is installed. It is not a Status."""
    return Reply.text(404, "404 page not found\n", "text/plain; charset=utf-8")


def expired(token: Token | None) -> Reply:
    metadata = {"continue": str(Token(-1, token.start))} if token else {}
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new "
        "list without the continue parameter, or use the continue token in this response to retrieve the "
        "remainder of the results. Continuing with the provided token results in an inconsistent list - "
        "objects that were created, modified, or deleted between the time the first chunk was returned and "
        "now may show up in the list."
    )
    return status(410, "Expired", message, metadata)
