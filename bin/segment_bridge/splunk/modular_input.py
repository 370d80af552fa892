"""The modular input `usersignups`, which splunkd starts. Has its scheme, and gives users.run what it needs from Splunk.

It writes no events.

Sources: Splunk Developer Guide, "Create a modular input"; splunklib.modularinput.
"""

import signal
import sys
from typing import Any, Dict, List
from xml.etree import ElementTree

from splunklib.client import Service
from splunklib.modularinput import Argument, EventWriter, Scheme, Script

from segment_bridge.errors import SegmentBridgeError, SplunkdError, foreseen, presentable
from segment_bridge.retry import Retry
from segment_bridge.runlog import RunLog
from segment_bridge.splunk import passwords, rest, run_records
from segment_bridge.splunk.kvstore import Collection
from segment_bridge.users import run as users

ARGUMENTS = {
    "server": (
        "API server",
        "URL of the cluster's API server, such as https://api.example.com:6443. Its bearer token must "
        "be in the password store: realm segment_bridge, user usersignups:<name of this input>.",
    ),
    "ca_file": ("CA file", "A PEM file on this machine, needed if a private CA signed the API server's certificate."),
    "kubeconfig": ("Kubeconfig", "A file on this machine, instead of the API server's address and a token."),
    "context": ("Context", "A context of the kubeconfig. Default: its current context."),
    "proxy_url": ("Proxy", "URL of an HTTP proxy between Splunk and the API server."),
    "namespace": ("Namespace", "The namespace of the UserSignups. Default: toolchain-host-operator."),
    "usersignups": ("UserSignups", "Whether to list UserSignups. Host clusters have them. Default: true."),
    "tenant_namespaces": (
        "Tenant namespaces",
        "Whether to list tenant namespaces, so that the app can attribute what controllers do to "
        "the workspaces' owners. Member clusters have them. Default: true.",
    ),
    "tenant_type_label": ("Tenant label", "The label that marks a tenant namespace."),
    "tenant_type": ("Value of the tenant label", "The value of that label. Default: tenant."),
    "tenant_workspace_label": ("Workspace label", "The label of a tenant namespace that names its workspace."),
    "page_size": ("Page size", "How many objects to request at a time. Default: 500."),
    "connect_timeout": ("Connect time-out", "Seconds to wait for a connection. Default: 5."),
    "timeout": ("Time-out", "Seconds to wait for the next byte of an answer. Default: 65."),
    "max_attempts": (
        "Attempts",
        "How often at most to request a page, up to 100. Default: as often as the deadline allows.",
    ),
    "deadline": ("Deadline", "Seconds that a run may take. Default: 600."),
    "max_shrink_percent": (
        "Largest shrinkage",
        "How many percent of a cluster's records a run may delete at most, if there are over 100. Default: 50.",
    ),
    "allow_shrink_until": (
        "Allow shrinkage until",
        "Until this time, such as 2026-11-24T09:30:00Z, a run may delete more.",
    ),
}
"""Title and description of each setting, as Splunk Web shows them."""


class UserSignups(Script):
    """splunkd starts it with --scheme, with --validate-arguments, or to run."""

    def get_scheme(self) -> Scheme:
        scheme = Scheme("UserSignups")
        scheme.description = "Reads the users of a Kubernetes cluster: usernames, SSO user IDs, owners of namespaces."
        scheme.use_external_validation = True
        scheme.use_single_instance = False
        for name, (title, description) in ARGUMENTS.items():
            scheme.add_argument(Argument(name, description, title=title))
        return scheme

    def run(self, argv: List[str]) -> int:
        status: int = self.run_script(argv, _Writer(), sys.stdin)
        return status

    def validate_input(self, definition: Any) -> None:
        """
        Raises:
            SegmentBridgeError: splunklib shows its text to the user who saves the input.
        """
        try:
            with foreseen():
                splunk = _connected(definition.metadata, EventWriter())
                users.check(definition.metadata["name"], definition.parameters, splunk)
        except SegmentBridgeError as error:
            raise SegmentBridgeError(error.told("usersignups"), reason=error.reason) from None

    def stream_events(self, inputs: Any, ew: EventWriter) -> None:
        """Runs once for each stanza; splunkd passes one, as use_single_instance is off.

        If the run fails, the process exits with status 1; if it is stopped, with 128 + SIGTERM.
        """
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        splunk = _connected(inputs.metadata, ew)
        done = [users.run(name.partition("://")[2], settings, splunk) for name, settings in inputs.inputs.items()]
        if not all(done):
            sys.exit(1)


def _connected(metadata: Dict[str, str], ew: EventWriter) -> "Splunk":
    service = rest.connect(metadata["server_uri"], metadata["session_key"])
    return Splunk(service, metadata["server_host"], ew)


class Splunk:
    """Implements users.ports.Splunk with the permissions of the input's session."""

    def __init__(self, service: Service, host: str, ew: EventWriter):
        self.host = host
        self._service, self._ew = service, ew

    def collection(self, name: str, retry: Retry) -> Collection:
        return Collection(self._service, name, retry)

    def secret(self, name: str, what: str) -> str:
        return passwords.find(self._service, name, what)

    def needed_secret(self, name: str, what: str) -> str:
        return passwords.read(self._service, name, what)

    def keep(self, log: RunLog, **facts: Any) -> None:
        run_records.keep(self._service, log, **facts)

    def complain(self, text: str) -> None:
        self._ew.log(EventWriter.ERROR, text)


class _Writer(EventWriter):
    def log_exception(self, message: str, exception: object = None, severity: object = None) -> None:
        """Like splunklib's, but without the exception's text and traceback, which may hold secrets."""
        error = sys.exc_info()[1]
        if isinstance(error, ElementTree.ParseError):
            error = SplunkdError("only splunkd starts this program, and passes XML on stdin: %s" % error)
        self.log(EventWriter.ERROR, presentable(error).told("usersignups"))
