"""The hourly job while Segment fails at random. It is a file of its own because its Splunk must not have sent yet."""

from tests.support import recorded
from tests.support.administrator import JOB, RUN_END
from tests.support.fakes import faults


def test_with_random_faults_every_row_is_accounted_for_and_a_second_run_completes_them(bridge):
    bridge.admin.set_destination("segment", max_batch_events="20", timeout="2", max_attempts="3")
    bridge.segment.faults = faults.mix(
        7,
        (0.15, faults.status(500)),
        (0.1, faults.status(429, retry_after="1")),
        (0.1, faults.reset()),
        (0.1, faults.lost_answer()),
        (0.05, faults.hang()),
    )
    first = bridge.admin.run_saved_search(JOB)
    total = recorded.expected_counts()["total"]["events"]
    (end,) = bridge.admin.wait_for_rows(RUN_END % first.sid)
    statuses = ("accepted", "rejected", "failed", "unsent", "duplicate")
    assert sum(int(end.get(status, 0)) for status in statuses) == total, first.messages
    bridge.segment.faults = None
    second = bridge.admin.run_saved_search(JOB)
    assert not second.failed
    assert recorded.as_expected(bridge.segment.accepted) == recorded.expected_messages()
