"""The modular input `usersignups`: its scheme, the check of an input's settings, and a run.

A run lists a cluster's UserSignups, its tenant namespaces, or both, and brings the KV store collections in line with
them. It writes no events; its results are the collections and a line in the run log.

Sources: Splunk Developer Guide, "Create a modular input"; splunklib.modularinput.
"""

import contextlib
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import Callable, Dict, Iterator, List, NamedTuple

from splunklib.client import Service
from splunklib.modularinput import Argument, EventWriter, Scheme, Script

from segment_bridge import runlog
from segment_bridge.errors import DeadlineExceeded, SegmentBridgeError, foreseen, unforeseen
from segment_bridge.retry import Retry
from segment_bridge.splunk import passwords, rest, run_records
from segment_bridge.splunk.kvstore import Collection, lease
from segment_bridge.users import objects
from segment_bridge.users.access import Access
from segment_bridge.users.kube_api import ApiServer, Resource
from segment_bridge.users.objects import Entry, Map
from segment_bridge.users.reconcile import Page, Source, Tally, synchronise
from segment_bridge.users.settings import Cluster

CHECK_TIMEOUT_S, CHECK_DEADLINE_S = 5, 20
LONGEST_WAIT_S = 60
TOO_LARGE = "the run took longer than its deadline of %g s: raise it if the cluster is that large, or find what is slow"
LATE = "the run took longer than its deadline of %g s, because of what went wrong before"
ARGUMENTS = {
    "server": (
        "API server",
        "URL of the cluster's API server, such as https://api.example.com:6443. Its bearer token "
        "is in the password store: realm segment_bridge, user usersignups:<name of this input>.",
    ),
    "ca_file": ("CA file", "PEM file on this machine, with the CA of the API server's certificate if that is private."),
    "kubeconfig": ("Kubeconfig", "File on this machine, in place of API server and token."),
    "context": ("Context", "Of the kubeconfig. Default: its current one."),
    "proxy_url": ("Proxy", "URL of an HTTP proxy on the way to the API server."),
    "namespace": ("Namespace", "Where the UserSignups are. Default: toolchain-host-operator."),
    "usersignups": ("UserSignups", "Whether to list them. A host cluster has them. Default: true."),
    "tenant_namespaces": (
        "Tenant namespaces",
        "Whether to list them, so that what controllers do can be attributed to "
        "workspaces' owners. Member clusters have them. Default: true.",
    ),
    "tenant_type_label": ("Tenant label", "By which a tenant namespace is known."),
    "tenant_type": ("Tenant label's value", "What that label says. Default: tenant."),
    "tenant_workspace_label": ("Workspace label", "Of a tenant namespace; names its workspace."),
    "page_size": ("Page size", "Objects in a request. Default: 500."),
    "connect_timeout": ("Connect time-out", "Seconds. Default: 5."),
    "timeout": ("Time-out", "Seconds without a byte of an answer. Default: 65."),
    "max_attempts": ("Attempts", "How often a page is asked for. Default: as often as the deadline allows."),
    "deadline": ("Deadline", "Seconds that a run may take. Default: 600."),
    "max_shrink_percent": (
        "Largest shrinkage",
        "Percent of a cluster's records, if over 100, that a run may delete. Default: 50.",
    ),
    "allow_shrink_until": ("Allow shrinkage until", "Until this time, such as 2026-11-24T09:30:00Z, it may be larger."),
}
"""Title and description of each setting, as Splunk Web shows them."""
MANIFESTS = {
    (True, True): "kubernetes/reader.yaml",
    (True, False): "kubernetes/host.yaml",
    (False, True): "kubernetes/member.yaml",
}
"""The file of the app that grants what an input needs, by whether it lists UserSignups and tenant namespaces."""

DRAFT, NONE = ":draft", "-"
"""In the names of secrets that are to be checked (usersignups:<name>:draft is a token), and in place of no secret."""


class UserSignups(Script):
    """What splunkd starts: with --scheme, with --validate-arguments, or to run."""

    def get_scheme(self) -> Scheme:
        scheme = Scheme("UserSignups")
        scheme.description = "The users of a Kubernetes cluster: usernames, SSO user IDs, tenant namespaces' owners."
        scheme.use_external_validation = True
        scheme.use_single_instance = False
        for name, (title, description) in ARGUMENTS.items():
            scheme.add_argument(Argument(name, description, title=title))
        return scheme

    def run(self, argv: List[str]) -> int:
        return self.run_script(argv, _Writer(), sys.stdin)

    def validate_input(self, definition) -> None:
        """Checks every setting, then asks for one object of each kind, with little patience.

        Raises:
            SegmentBridgeError: splunklib hands its text to whoever saves the input.
        """
        try:
            _check(definition)
        except SegmentBridgeError as error:
            raise SegmentBridgeError(error.told("usersignups"), reason=error.reason) from None

    def stream_events(self, inputs, ew: EventWriter) -> None:
        """A run for each stanza; splunkd hands over one, as use_single_instance is off.

        A run that fails ends the process with status 1, one that is stopped with 128 + SIGTERM.
        """
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        service = rest.connect(inputs.metadata["server_uri"], inputs.metadata["session_key"])
        outcomes = [
            run(stanza.partition("://")[2], parameters, service, inputs.metadata["server_host"], ew)
            for stanza, parameters in inputs.inputs.items()
        ]
        if not all(outcomes):
            sys.exit(1)


@foreseen()
def _check(definition) -> None:
    service = rest.connect(definition.metadata["server_uri"], definition.metadata["session_key"])
    cluster = Cluster.parse(definition.metadata["name"], definition.parameters)
    access = replace(
        _access(cluster, service, is_check=True),
        connect_timeout_s=CHECK_TIMEOUT_S,
        read_timeout_s=CHECK_TIMEOUT_S,
        answer_timeout_s=CHECK_DEADLINE_S,
    )
    with (
        _deadline(CHECK_DEADLINE_S, "the API server began to answer, but took longer than %g s"),
        ApiServer(access, Retry(max_attempts=1)) as server,
    ):
        for kind in _kinds(cluster):
            next(server.pages(kind.resource, page_size=1))


class _Writer(EventWriter):
    def log_exception(self, message, exception=None, severity=None) -> None:
        """As splunklib's, without the exception's text and traceback."""
        self.log(EventWriter.ERROR, "usersignups: %s" % unforeseen(sys.exc_info()[1]))


class Kind(NamedTuple):
    """A kind of object that is listed: for which map, what it says, and what its counts in the run log begin with."""

    of: Map
    resource: Resource
    entries: Callable[[list, Counter], Iterator[Entry]]
    prefix: str


def _kinds(cluster: Cluster) -> List[Kind]:
    """Those that this input lists."""
    manifest = MANIFESTS[cluster.usersignups, cluster.tenant_namespaces]
    kinds = []
    if cluster.usersignups:
        kinds.append(
            Kind(
                objects.USERS,
                Resource(
                    objects.TOOLCHAIN, "v1alpha1", "usersignups", "UserSignupList", cluster.namespace, manifest=manifest
                ),
                objects.user_entries,
                "",
            )
        )
    if cluster.tenant_namespaces:
        kinds.append(
            Kind(
                objects.TENANTS,
                Resource(
                    "",
                    "v1",
                    "namespaces",
                    "NamespaceList",
                    manifest=manifest,
                    selector="%s=%s" % (cluster.tenant_type_label, cluster.tenant_type),
                ),
                lambda page, skipped: objects.tenant_entries(page, cluster.tenant_workspace_label),
                "namespaces_",
            )
        )
    return kinds


def _access(cluster: Cluster, service: Service, is_check: bool = False) -> Access:
    """How to reach the cluster, secrets included. A check takes the draft of a secret where there is one: what is saved
    is replaced when that was found right.

    Raises:
        SecretError: there is no token for the API server.
    """
    user = "usersignups:" + cluster.name

    def draft(suffix: str, what: str) -> str:
        return passwords.find(service, user + DRAFT + suffix, what) if is_check else ""

    def find(suffix: str, what: str) -> str:
        found = draft(suffix, what) or passwords.find(service, user + suffix, what)
        return "" if found == NONE else found

    entered = draft("", "bearer token") if cluster.server else ""
    return Access(
        server=cluster.server,
        token=entered or (passwords.read(service, user, "bearer token") if cluster.server else ""),
        token_place="that was entered"
        if entered
        else 'in the password store (realm "%s", username "%s")' % (passwords.REALM, user),
        ca_file=cluster.ca_file,
        ca=find(":ca", "CA certificates") if cluster.server and not cluster.ca_file else "",
        kubeconfig=cluster.kubeconfig,
        context=cluster.context,
        proxy_url=cluster.proxy_url,
        proxy_credentials=find(":proxy", "proxy's credentials") if cluster.proxy_url else "",
        connect_timeout_s=cluster.connect_timeout,
        read_timeout_s=cluster.timeout,
        answer_timeout_s=cluster.deadline,
    )


def run(name: str, parameters: Dict[str, str], service: Service, host: str, ew: EventWriter) -> bool:
    """One run of an input, from its settings to its line in the run log; whether it did all of its work.

    Args:
        host: this search head's name, for other members to see who is at work.
        ew: takes what belongs into splunkd.log.
    """
    started = time.monotonic()
    tallies: Dict[str, Tally] = {}
    errors: List[SegmentBridgeError] = []
    status = "failed"
    with runlog.RunLog("usersignups") as log:
        log.info("run_start", cluster=name)
        try:
            with foreseen():
                errors += _synchronise(Cluster.parse(name, parameters), service, host, tallies)
            status = "failed" if errors else "ok"
        except SegmentBridgeError as error:
            errors.append(error)
        except SystemExit:
            status = "stopped"
            raise
        finally:
            for error in errors:
                log.error("error", reason=error.reason, cluster=name, error=error)
                ew.log(EventWriter.ERROR, "usersignups://%s: %s" % (name, error))
            facts = {"cluster": name, "status": status, **_counts(tallies), "duration_s": time.monotonic() - started}
            log.info("run_end", **facts)
            users = tallies.get("")
            run_records.keep(service, log, **facts, users=users.written + users.unchanged if users else None)
    return status == "ok"


def _counts(tallies: Dict[str, Tally]) -> Dict[str, int]:
    counts = {}
    for prefix, tally in tallies.items():
        counts.update(
            {
                prefix + "listed": tally.listed,
                prefix + "written": tally.written,
                prefix + "deleted": tally.deleted,
                prefix + "unchanged": tally.unchanged,
            }
        )
        counts.update({"%sskipped_%s" % (prefix, reason): number for reason, number in sorted(tally.skipped.items())})
    return counts


def _synchronise(cluster: Cluster, service: Service, host: str, tallies: Dict[str, Tally]) -> List[SegmentBridgeError]:
    """Does the work; what went wrong, with one map or both, is returned, the cause first."""
    access = _access(cluster, service)
    ends = time.monotonic() + cluster.deadline
    with _deadline(cluster.deadline, TOO_LARGE), lease(service, cluster.name, cluster.deadline, host):
        return _bring_up_to_date(cluster, access, service, ends, tallies)


def _bring_up_to_date(
    cluster: Cluster, access: Access, service: Service, ends: float, tallies: Dict[str, Tally]
) -> List[SegmentBridgeError]:
    """One map after the other; each has its share of the time there is, so that none keeps the next from being made."""
    now = datetime.now(timezone.utc)
    may_shrink = cluster.allow_shrink_until and now < cluster.allow_shrink_until
    errors: List[SegmentBridgeError] = []
    kinds = _kinds(cluster)
    with ApiServer(access, Retry()) as server:
        for waiting, kind in zip(range(len(kinds), 0, -1), kinds):
            tally = tallies[kind.prefix] = Tally()
            met: List[SegmentBridgeError] = []
            left_s = ends - time.monotonic()
            pages = _noting(
                met,
                partial(
                    server.pages,
                    kind.resource,
                    cluster.page_size,
                    Retry(cluster.max_attempts, left_s / waiting, longest_wait_s=LONGEST_WAIT_S, note=met.append),
                ),
            )
            collection = Collection(service, kind.of.collection, Retry(deadline_s=left_s, note=met.append))
            try:
                synchronise(
                    Source(kind.of, cluster.name, pages, kind.entries),
                    collection,
                    int(now.timestamp()),
                    None if may_shrink else cluster.max_shrink_percent,
                    tally,
                )
            except SegmentBridgeError as error:
                errors += [each for each in met if each is not error]
                is_late = time.monotonic() >= ends
                # Where something went wrong before, that is to be mended, and not how large the cluster is.
                errors.append(DeadlineExceeded(LATE % cluster.deadline) if errors and is_late else error)
                if is_late:
                    break
    return _distinct(errors)


def _noting(met: List[SegmentBridgeError], pages: Callable[[], Iterator[Page]]) -> Callable[[], Iterator[Page]]:
    """The same pages; what ends them is added to `met`."""

    def noted() -> Iterator[Page]:
        try:
            yield from pages()
        except SegmentBridgeError as error:
            met.append(error)
            raise

    return noted


def _distinct(errors: List[SegmentBridgeError]) -> List[SegmentBridgeError]:
    """Each once, in the order in which they were met, without those that a later one repeats."""
    return [
        error
        for number, error in enumerate(errors)
        if not any(str(error) in str(later) for later in errors[number + 1 :])
    ]


@contextlib.contextmanager
def _deadline(seconds: float, text: str) -> Iterator[None]:
    """Ends what is inside after so long, also a read that gets a byte now and then. (Windows has no such alarm.)

    Raises:
        DeadlineExceeded: with this text, which has a place for the seconds.
    """

    def ring(number, frame):
        raise DeadlineExceeded(text % seconds)

    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.signal(signal.SIGALRM, ring)
    # Again and again, as an exception is lost where it meets a finalizer.
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
