"""Unforeseen errors, and secrets that cannot be sent, show no value."""

from __future__ import annotations

import pytest

from tests.integration.invariants import rows, statuses

SECRET = "fake0write0key0of0somebody0else0"


def shown(result, home):
    return (home / "var/log/splunk/segment_bridge.log").read_text("utf-8") + result.stderr + repr(result.messages)


@pytest.mark.parametrize("middle", ["\n", "\r\n", "\u201d", "\0", "😀"])
def test_a_write_key_that_no_header_can_carry(segmentsend, segment, splunkd, middle):
    splunkd.passwords["segment"] = SECRET[:16] + middle + SECRET[16:]
    result = segmentsend(rows(3))
    assert result.exit_code == 1 and not segment.requests
    error = " ".join(result.texts("ERROR"))
    assert "write key of [segment]" in error and 'username "segment"' in error and "cannot be sent" in error
    everything = shown(result, segmentsend.splunk_home)
    assert " ERROR event=error " in everything and "reason=secret" in everything
    assert SECRET[:16] not in everything and SECRET[16:] not in everything


def test_a_final_newline_is_accepted(segmentsend, segment, splunkd):
    splunkd.passwords["segment"] += "\n"
    assert statuses(segmentsend(rows(3))) == {"accepted": 3}
    assert not segment.vanished


@pytest.mark.usefixtures("started")
def test_an_unforeseen_error_shows_only_its_type_and_place(segmentsend, segment, splunkd):
    splunkd.conf["segment_bridge"]["segment"]["region"] = [SECRET]  # splunkd returns texts
    result = segmentsend(rows(3))
    assert result.exit_code == 1 and not segment.requests
    error = " ".join(result.texts("ERROR"))
    assert "internal error: AttributeError in segment_bridge.settings:" in error
    everything = shown(result, segmentsend.splunk_home)
    assert "reason=internal" in everything
    assert SECRET not in everything and "Traceback" not in everything


@pytest.mark.usefixtures("started")
def test_an_unforeseen_getinfo_shows_only_type_and_place(segmentsend):
    with segmentsend.start() as command:
        command.send({"action": SECRET}, b"")
        assert "internal error: RuntimeError in splunklib" in repr(command.receive())
        result = command.finish()
    assert result.exit_code == 1
    assert SECRET not in result.stderr and "Traceback" not in result.stderr
