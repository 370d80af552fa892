"""A site's week as a dashboard may show it: working days and nights, an outage of Segment, a refused event."""

import random

from tests.system.operations.site import ALERT, HOUR, START, Problem, Site

HOURS = 7 * 24
END = START + HOURS * HOUR
_JOURNEYS = {
    "Application created": 6,
    "Component changed": 30,
    "Build PipelineRun created": 24,
    "Build PipelineRun started": 23,
    "Clair scan completed": 19,
    "Build PipelineRun ended": 22,
    "Release done": 9,
    "Pull request created": 4,
}
_OUTAGE = range(110, 113)  # hours without Segment
_USERS = 840
LATE_S = 60
"""How many seconds after it happened each audit event is indexed."""


def pass_by(site: Site, outage: bool = False, inputs: bool = True) -> None:
    """Lets the week up to END pass, and moves the clock.

    Args:
        outage: Segment was unreachable for some hours, and is so again for the last six.
        inputs: whether the user map was kept up to date to the end.
    """
    chance = random.Random(1)
    site.clock.move_to(END)
    site.users(_USERS)
    for hour in range(HOURS):
        begins = START + hour * HOUR
        is_failed = outage and (hour in _OUTAGE or hour >= HOURS - 6)
        _activity(site, chance, begins, hour >= HOURS - 6 and outage)
        for minute in (0, 15, 30, 45) if inputs or hour < HOURS - 6 else ():
            site.input(begins + minute * 60, users=_USERS)
        _job(site, chance, begins + 420, is_failed)
    for minute in range(1, 15):
        # tstats has the minute, and the app takes its last second, so as never to report more lateness than there was
        site.audit_event(END - minute * 60 - 1, late_s=LATE_S)
    if outage:
        site.letter("too-large", "rejected", END - 30 * HOUR, reason="too_large", error="40,112 bytes")
        for number in range(37):
            site.letter("late-%d" % number, "failed", END - 5 * HOUR, reason="http_503")
    for alert in ("Audit events cannot be read", "No audit events arrive"):
        site.run(ALERT + alert, END)


def _activity(site: Site, chance: random.Random, begins: float, is_lost: bool) -> None:
    daytime = max(0.08, 1 - abs((begins % 86_400) / HOUR - 13) / 9)
    weekday = 0.25 if (begins // 86_400 + 4) % 7 in (0, 6) else 1
    for journey, usual in _JOURNEYS.items():
        events = round(usual * 8 * daytime * weekday * chance.uniform(0.75, 1.25))
        unknown = round(events * chance.uniform(0.08, 0.18))
        if events:
            site.activity(
                begins,
                events,
                unknown,
                events - unknown if is_lost else 0,
                journey,
                0 if is_lost else round(events * chance.uniform(0.5, 0.7)),
            )


def _job(site: Site, chance: random.Random, at: float, is_failed: bool) -> None:
    requests = chance.randint(2, 6)
    nobody = Problem("rejection", "rejected", "no_user_anon_id", 240, "neither userId nor anonymousId")
    if is_failed:
        text = "HTTP 503: Service Unavailable"
        site.job(
            at,
            "failed",
            problems=[
                nobody,
                Problem("outcome", "failed", "http_503", 2_000, text, 503),
                Problem(
                    "error",
                    "",
                    "not_sent",
                    0,
                    '2,000 of 2,240 events did not reach destination "segment": 2,000 failed (http_503): ' + text,
                ),
            ],
            accepted=0,
            rejected=240,
            failed=2_000,
            requests=15,
            wire_bytes=0,
        )
    else:
        site.job(at, problems=[nobody], accepted=2_000, rejected=240, requests=requests, wire_bytes=requests * 61_000)
