"""Reason codes, in `segment_reason`, in dead letters, and in `reason` of the run log. docs/reasons.md explains each.

People read error texts, which may change; alerts, pages and tests read these codes. A code never changes its meaning.
"""

import re

EVENT = frozenset(
    {
        "no_user_anon_id",
        "id_required",
        "id_not_string",
        "message_id_not_string",
        "invalid_type",
        "event_not_defined",
        "event_not_string",
        "name_not_string",
        "category_not_string",
        "consent_categorypreferences_should_exist",
        "consent_categorypreferences_fields_should_be_object",
        "consent_categorypreferences_fields_should_be_bool",
        "consent_version_should_be_number",
        "device_advertisingid_should_be_string",
        "properties_not_object",
        "traits_not_object",
        "context_not_object",
        "integrations_not_object",
        "properties_conflict",
        "traits_conflict",
        "context_conflict",
        "integrations_conflict",
        "properties_wrong_type",
        "traits_wrong_type",
        "context_wrong_type",
        "integrations_wrong_type",
        "properties_unknown_type",
        "traits_unknown_type",
        "context_unknown_type",
        "integrations_unknown_type",
        "properties_array_apart",
        "traits_array_apart",
        "context_array_apart",
        "integrations_array_apart",
        "id_is_none",
        "timestamp_invalid",
        "too_large",
    }
)
"""Why an event is not sent. These are Segment's own codes if it has one."""

ANSWER = frozenset({"success_false", "unexpected_body", "redirect", "auth", "oauth", "wrong_url", "tls", "network"})
"""Why a request failed; http_<status> is possible, too."""

STOP = frozenset({"deadline", "circuit_open", "cancelled", "internal"})
"""Why a run stopped sending."""

REPEAT = frozenset({"duplicate", "sent_before"})

LETTER = frozenset({"age", "number", "malformed"})
"""Why a dead letter was removed or skipped."""

RUN = frozenset(
    {
        "settings",
        "secret",
        "proxy",
        "splunkd",
        "kvstore",
        "kvstore_starting",
        "cluster",
        "list_expired",
        "shrinkage",
        "unavailable",
        "not_sent",
        "letters_lost",
    }
)
"""Why a run did not do all of its work; codes of STOP and ANSWER are possible, too."""

WARNING = frozenset(
    {"columns", "undated", "no_gzip", "no_field", "maxresults", "many_properties", "long_group_id", "busy_profile"}
)
"""What a person should fix, although the run did its work."""

CHECK = frozenset(
    {
        "key_unknown",
        "region_wrong",
        "other_host",
        "clock_skew",
        "no_date",
        "not_encrypted",
        "source_disabled",
        "no_source",
        "api_token",
        "api_forbidden",
        "api_request",
        "no_ledger",
    }
)
"""What segmentcheck found wrong, or why it found nothing out; codes of ANSWER and RUN are possible, too."""

ALL = EVENT | ANSWER | STOP | REPEAT | LETTER | RUN | WARNING | CHECK

_HTTP = re.compile(r"http_[1-9]\d\d")


def is_known(code: str) -> bool:
    return code in ALL or _HTTP.fullmatch(code) is not None
