"""What the tests of alerts, dashboard and year make up has the names and types of facts that the app writes."""

import json
import re

import pytest

from segment_bridge import reasons
from segment_bridge.users.reconcile import Tally
from segment_bridge.users.run import counts
from tests.support.fakes import faults
from tests.system.operations import week
from tests.system.operations.bridge import bridge as running_bridge
from tests.system.operations.site import HOUR, JOB, START

_FACT = re.compile(r'(\w+)=("[^"]*"|\S+)')
RUN_LOG = 'search index=_internal sourcetype="segment_bridge:log" | table _raw'


def kind(line):
    """The kind of a line in the run log: level, component, event, status, and the names of its required facts."""
    facts = dict(_FACT.findall(line["_raw"]))
    names = frozenset(facts) - {"http", "message_id", "owner", "app"}
    return line["_raw"].split()[3], facts["component"], facts["event"], facts.get("status"), names


def shapes(documents):
    """The fields of documents, with the types of their values."""
    return {
        frozenset((name, type(value) if isinstance(value, str) else float) for name, value in document.items())
        for document in documents
    }


@pytest.fixture(scope="module")
def made_up(tmp_path_factory, package):
    with running_bridge(tmp_path_factory.mktemp("made_up"), package) as site:
        week.pass_by(site, outage=True)
        yield site


@pytest.fixture(scope="module")
def written(tmp_path_factory, package):
    """Runs the job successfully and unsuccessfully, with unknown users, and once with a refused event."""
    with running_bridge(tmp_path_factory.mktemp("written"), package) as bridge:
        bridge.act(START + 60)
        bridge.act(START + 90, "stranger")
        assert bridge.try_to_run(JOB, START + HOUR)
        bridge.act(START + HOUR + 60)
        bridge.segment.faults = faults.always(faults.status(503))
        assert not bridge.try_to_run(JOB, START + 2 * HOUR)
        bridge.search(
            '| makeresults | eval userId="42", messageId="m", event="e", properties="%s" '
            "| segmentsend dead_letters=true onfail=warn" % ("x" * 40_000)
        )
        yield bridge


def test_lines_of_segmentsend_in_the_run_log(made_up, written):
    app_s = {kind(line) for line in written.search(RUN_LOG)}
    ours = {kind(line) for line in made_up.search(RUN_LOG) if "component=segmentsend" in line["_raw"]}
    assert ours
    assert ours <= app_s


def test_lines_of_the_input_in_the_run_log(made_up):
    ours = {
        frozenset(dict(_FACT.findall(line["_raw"])))
        for line in made_up.search(RUN_LOG)
        if "component=usersignups" in line["_raw"]
    }
    counted = frozenset(counts({"": Tally()}))
    assert ours == {frozenset(("event", "component", "cluster", "status", "duration_s")) | counted}


@pytest.mark.parametrize("collection", ["segment_activity", "segment_dead_letters", "segment_backfill"])
def test_documents(made_up, written, collection):
    ours = shapes(made_up.documents(collection))
    assert ours
    assert ours <= shapes(written.documents(collection))


def test_runs_have_existing_reasons(made_up):
    found = {
        problem["reason"]
        for run in made_up.documents("segment_runs")
        for problem in json.loads(run.get("problems", "[]"))
    }
    assert found == {"no_user_anon_id", "http_503", "not_sent"}
    assert all(map(reasons.is_known, found))
