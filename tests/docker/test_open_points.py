"""Facts about Splunk that the manuals leave open, and that the app or the stand-in relies on."""

import uuid

import pytest

from tests.docker.kubernetes import URL, Kubernetes
from tests.support.administrator import APP, JOB, wait
from tests.support.environment import CLUSTER, is_real
from tests.support.fakes import faults

if not is_real():
    pytest.skip("needs a real Splunk: make test-splunk", allow_module_level=True)

SCHEDULER = 'search index=_internal sourcetype=scheduler savedsearch_id="nobody;segment_bridge;%s" | head 1' % JOB


@pytest.fixture(scope="module")
def scheduled_run(bridge):
    """The job as the scheduler runs it, owned by nobody."""
    job = bridge.admin.service.saved_searches[JOB]
    job.update(is_scheduled="1", cron_schedule="* * * * *")
    yield wait(lambda: bridge.segment.accepted, "events of a scheduled run", 180)
    job.update(is_scheduled="0", cron_schedule="7 * * * *")


def test_a_scheduled_run_owned_by_nobody_reads_the_write_key(scheduled_run):
    assert scheduled_run


def test_the_scheduler_logs_success(bridge, scheduled_run):
    rows = bridge.admin.wait_for_rows(SCHEDULER + " | search status=success", seconds=180)
    assert rows


def test_a_command_that_ends_with_an_error_fails_its_job(bridge):
    bridge.segment.faults = faults.status(500)
    try:
        outcome = bridge.admin.run_saved_search(JOB)
    finally:
        bridge.segment.faults = None
    assert outcome.failed
    assert any(level in ("ERROR", "FATAL") and "segmentsend" in text for level, text in outcome.messages)


def test_rows_keep_their_fields_through_the_command(bridge):
    outcome = bridge.admin.search(
        '| makeresults count=3 | streamstats count AS other | eval event="E", userId="u" | segmentsend dryrun=true'
    )
    assert [row["other"] for row in outcome.rows] == ["1", "2", "3"]
    assert not [name for row in outcome.rows for name in row if name.startswith("_chunked")]


@pytest.mark.parametrize("length", [32, 254, 255])
def test_the_password_store_keeps_a_secret_of_up_to_255_characters(bridge, length):
    user, secret = str(uuid.uuid4()), "s" * length
    entry = bridge.admin.service.storage_passwords.create(secret, user, APP)
    assert entry.clear_password == secret
    entry.delete()


def test_a_cron_schedule_is_an_interval_of_an_input(bridge):
    bridge.admin.set_secret("usersignups:cron", bridge.cluster.token)
    bridge.admin.add_cluster(
        "cron", server=bridge.cluster.url, ca_file=str(bridge.cluster.ca_file), interval="*/5 * * * *"
    )
    bridge.admin.remove_cluster("cron")


def test_the_run_log_is_indexed_with_its_source_type(bridge):
    bridge.admin.run_saved_search(JOB)
    assert bridge.admin.wait_for_rows(
        'search index=_internal sourcetype="segment_bridge:log" event=run_end component=segmentsend', seconds=180
    )


def test_an_input_lists_a_real_api_server(bridge, engine):
    cluster = Kubernetes(engine)
    cluster.up()

    def users(name):
        return {record["username"] for record in bridge.admin.records("usersignups") if record["cluster"] == name}

    bridge.admin.set_secret("usersignups:kwok", cluster.token)
    bridge.admin.add_cluster("kwok", server=URL, ca_file=str(cluster.ca_file))
    wait(lambda: users("kwok") == users(CLUSTER), "the users of the real API server", 120)
