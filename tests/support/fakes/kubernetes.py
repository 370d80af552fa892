"""A Kubernetes API server that lists UserSignups and Namespaces, and is no more lenient than the real one.

It answers as kube-apiserver 1.20 and 1.36 were seen to answer: TLS with a private CA, bearer tokens and client
certificates, 401 and 403 in RBAC's words, lists in pages of one resourceVersion, 410 with a new continue token, 400 for
what it cannot parse, the bare `404 page not found` for a resource that is not installed, gzip above 128 KB. It only
lists: it forbids other verbs to everybody, and refuses list parameters that it does not know by name.

kmock, the mock server by kopf's author, has neither pages nor TLS nor permissions, and needs Python 3.11.

As a program, `python -m tests.support.fakes.kubernetes --port N --kubeconfig FILE [--signups N]`, it serves the
recorded cluster, or that many made-up signups, to any client that uses the kubeconfig.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import json
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import recorded
from tests.support.fakes import faults
from tests.support.fakes.faults import Fault
from tests.support.fakes.kubernetes_api import (
    ListOptions,
    Page,
    Target,
    Token,
    continue_token,
    discovery,
    expired,
    forbidden,
    list_reply,
    not_found,
    status,
)
from tests.support.fakes.kubernetes_objects import (
    HOST_NAMESPACE,
    TOOLCHAIN,
    Collection,
    Revisions,
    made_up_signups,
)
from tests.support.fakes.reply import Reply
from tests.support.fakes.server import FakeServer, Refusal, Request
from tests.support.fakes.tls import Authority

USERSIGNUPS = f"usersignups.{TOOLCHAIN}"
NAMESPACES = "namespaces"
TOKEN = "fake0kubernetes0token"

# Faults in a real server's words. For others see tests.support.fakes.faults.
TOO_MANY_REQUESTS = faults.status(429, "Too many requests, please try again later.\n", retry_after=1)
ETCD_STALLED = faults.status(
    504,
    '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"Timeout: request did not'
    ' complete within the allotted timeout","reason":"Timeout","details":{},"code":504}\n',
)

# A kubeconfig user's credentials. `FakeKubernetes.certificate_credentials` makes the third kind.
TOKEN_CREDENTIALS = {"token": TOKEN}
EXEC_CREDENTIALS = {
    "exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": [
            "-c",
            'print(\'{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",'
            f' "status": {{"token": "{TOKEN}"}}}}\')',
        ],
        "interactiveMode": "Never",
    }
}


@dataclass(frozen=True)
class Account:
    """A user and what RBAC lets it list: (resource, namespace), or (resource, None) for all namespaces."""

    user: str
    may_list: frozenset[tuple[str, str | None]] = frozenset()

    def may(self, verb: str, resource: str, namespace: str | None) -> bool:
        return verb == "list" and bool(self.may_list & {(resource, namespace), (resource, None)})


ANONYMOUS = Account("system:anonymous")
SYNC = Account(
    "system:serviceaccount:segment-bridge:usersignups",
    frozenset({(USERSIGNUPS, HOST_NAMESPACE), (NAMESPACES, None)}),
)

_EMPTY_LIST: Mapping[str, Any] = {"items": ()}


class FakeKubernetes(FakeServer):
    """An API server on loopback. See the module's docstring, and `FakeServer` for faults and records.

    `usersignups` and `namespaces` are its collections, which tests may change at any time; `tokens` and `certificates`
    are its accounts, by bearer token and by common name. `token` belongs to an account that may list just what the
    `usersignups` input needs.

    Args:
        usersignups, namespaces: the initial collections, as the API's lists.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        usersignups: Mapping[str, Any] = _EMPTY_LIST,
        namespaces: Mapping[str, Any] = _EMPTY_LIST,
        authority: Authority | None = None,
        **server_options,
    ):
        self.authority = authority or Authority()
        super().__init__(port, tls=self.authority.server(), **server_options)
        self.ca_file = self.authority.ca_file
        self.token = TOKEN
        self.tokens = {TOKEN: SYNC}
        self.certificates: dict[str, Account] = {}
        self._revisions = Revisions()
        self.usersignups = Collection(USERSIGNUPS, f"{TOOLCHAIN}/v1alpha1", "UserSignupList", self._revisions)
        self.namespaces = Collection(NAMESPACES, "v1", "NamespaceList", self._revisions)
        self.usersignups.replace(usersignups["items"])
        self.namespaces.replace(namespaces["items"])
        self.installed = {self.usersignups, self.namespaces}

    def compact(self) -> None:
        """Forgets the past, so that a list begun earlier cannot be continued (410)."""
        self._revisions.compacted = self._revisions.next()

    # Faults that depend on the request

    @property
    def gone(self) -> Fault:
        """Answers 410 to the request's continue token, whatever its age."""
        return Fault(reply=lambda request: expired(continue_token(request)), handled=False)

    @property
    def denied(self) -> Fault:
        """Answers 403, as if permissions had been taken away since the last page."""
        return Fault(reply=self._denial, handled=False)

    def _denial(self, request: Request) -> Reply:
        return forbidden(self._authenticate(request).user, Target.of(request)).reply

    def truncated(self, share: float) -> Fault:
        """A page with only this share (0 to 1) of its JSON, correctly framed, as a proxy may produce it."""

        def reply(request: Request) -> Reply:
            page = self.answer(request)
            content = b"".join(page.body)
            if "Content-Encoding" in page.headers:
                content = gzip.decompress(content)
            return Reply(200, content[: int(len(content) * share)], {"Content-Type": "application/json"})

        return Fault(reply=reply, handled=False)

    # The service

    def answer(self, request: Request) -> Reply:
        account = self._authenticate(request)
        target = Target.of(request)
        request.facts.update(user=account.user, resource=target.resource)
        if target.path == "/version":  # system:public-info-viewer
            return Reply.json(200, {"major": "1", "minor": "36", "gitVersion": "v1.36.4"})
        if not target.resource and target.path.split("/")[1] in ("api", "apis") and account is not ANONYMOUS:
            found = discovery(target.path, self.installed)  # system:discovery: for any authenticated user
            return Reply.json(200, found) if found else not_found()
        if not account.may(target.verb, target.resource, target.namespace):
            raise forbidden(account.user, target)
        collection = next((each for each in self.installed if each.resource == target.resource), None)
        if collection is None:
            raise Refusal(not_found())
        return self._list(collection, target.namespace, request)

    def _authenticate(self, request: Request) -> Account:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            if token not in self.tokens:
                raise Refusal(status(401, "Unauthorized", "Unauthorized"))
            return self.tokens[token]
        for name in _common_names(request.peer_certificate):
            return self.certificates.get(name, Account(name))
        return ANONYMOUS

    def _list(self, collection: Collection, namespace: str | None, request: Request) -> Reply:
        options = ListOptions.of(request)
        token = options.token or Token(self._revisions.current, "")
        if 0 <= token.revision < self._revisions.compacted:
            return expired(token)
        revision = self._revisions.current if token.revision < 0 else token.revision
        prefix = f"{namespace}/" if namespace else ""
        page = Page(collection.at(revision), prefix, token, revision, options)
        request.facts.update(revision=revision, start=token.start, limit=options.limit)
        accepts_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
        return list_reply(page.json(collection), accepts_gzip)

    # For clients

    def kubeconfig(self, path: Path, credentials: Mapping[str, Any] = TOKEN_CREDENTIALS, context: str = "sync") -> Path:
        """Writes a kubeconfig (as JSON, which is valid YAML) whose current context is this server."""
        cluster = {"server": self.url, "certificate-authority-data": _base64(self.authority.ca_pem)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fake", "cluster": cluster}],
            "users": [{"name": "user", "user": credentials}],
            "contexts": [{"name": context, "context": {"cluster": "fake", "user": "user"}}],
            "current-context": context,
        }
        path.write_text(json.dumps(config, indent=2))
        return path

    def certificate_credentials(self, common_name: str, account: Account = SYNC) -> dict[str, Any]:
        """A new client certificate for the account, in a kubeconfig's format."""
        self.certificates[common_name] = account
        certificate, key = self.authority.client(common_name)
        return {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}


def _common_names(certificate: dict[str, Any]) -> Iterator[str]:
    for attributes in certificate.get("subject", ()):
        for name, value in attributes:
            if name == "commonName":
                yield value


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


# The program


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(prog="python -m tests.support.fakes.kubernetes")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--kubeconfig", type=Path, required=True, help="file to write, for clients")
    options.add_argument(
        "--signups", type=int, help="number of made-up signups to serve instead of the recorded cluster"
    )
    given = options.parse_args(arguments)
    fake = FakeKubernetes(given.port, usersignups=recorded.usersignups(), namespaces=recorded.namespaces())
    if given.signups is not None:
        fake.usersignups.fill(made_up_signups(given.signups))
    with fake:
        fake.kubeconfig(given.kubeconfig)
        print(f"Fake Kubernetes listens on {fake.url}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
