"""Finds events that Segment throws away on ingest because of the consent or advertising id in their context; pure.

Segment does not say whether it checks every event like this, or only those called "Segment Consent Preference Updated".
The app checks all, because an event whose consent Segment cannot read might go to destinations that it must not reach.

Source: Segment's "Delivery Overview", "Failed on Ingest"; "Consent in Segment Connections".
"""

import functools
import json
from typing import Any, Optional, Tuple

Problem = Optional[Tuple[str, str]]
"""Segment's code, and the problem in words."""
CONSENT_EVENT = "Segment Consent Preference Updated"
NO_CATEGORIES: Tuple[str, str] = (
    "consent_categorypreferences_should_exist",
    "context.consent.categoryPreferences is missing",
)


def context_problem(text: str) -> Problem:
    """Why Segment throws away events with this context (JSON text); None if it does not."""
    return _problem(text) if "consent" in text or "advertisingId" in text else None


@functools.lru_cache(maxsize=64)
def _problem(text: str) -> Problem:
    context = json.loads(text)
    device = context.get("device")
    if isinstance(device, dict) and not isinstance(device.get("advertisingId", ""), str):
        return "device_advertisingid_should_be_string", "context.device.advertisingId must be text"
    if "consent" not in context:
        return None
    consent = context["consent"]
    if not isinstance(consent, dict) or "categoryPreferences" not in consent:
        return NO_CATEGORIES
    preferences = consent["categoryPreferences"]
    if not isinstance(preferences, dict):
        return (
            "consent_categorypreferences_fields_should_be_object",
            "context.consent.categoryPreferences must be an object",
        )
    for name, value in preferences.items():
        if not isinstance(value, bool):
            return (
                "consent_categorypreferences_fields_should_be_bool",
                "context.consent.categoryPreferences.%s must be true or false" % name,
            )
    if "version" in consent and not _is_number(consent["version"]):
        return "consent_version_should_be_number", "context.consent.version must be a number"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# --- Limits of Unify, which silently drops events that exceed them ---

MOST_MEMBERS = 300
MOST_GROUP_ID_CHARS = 500
MOST_EVENTS_OF_A_PROFILE = 25
"""In one second."""
LEAST_BYTES_OF_MANY = MOST_MEMBERS * len('"a":1,')
"""An event that exceeds MOST_MEMBERS has at least this many bytes."""


def has_many_members(payload: bytes) -> bool:
    """Whether an event has more properties or traits than Unify accepts."""
    if len(payload) < LEAST_BYTES_OF_MANY or payload.count(b'":') <= MOST_MEMBERS:
        return False
    event = json.loads(payload)
    return any(len(event.get(name, ())) > MOST_MEMBERS for name in ("properties", "traits"))


def has_long_group(payload: bytes) -> bool:
    if len(payload) < MOST_GROUP_ID_CHARS or not payload.startswith(b'{"type":"group"'):  # as all such do
        return False
    return len(json.loads(payload).get("groupId", "")) > MOST_GROUP_ID_CHARS
