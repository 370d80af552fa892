"""Which settings of .conf files the stand-in heeds. It refuses a package or a request with any other setting, by name.

It accepts nothing only to ignore it: each setting below is either honoured or has nothing to act on here (appearance,
texts for people, other machines, waiting in a queue). Splunk's other settings are in splunk/keys.txt, from its
*.conf.spec files.
"""

import re
from fnmatch import fnmatchcase
from typing import Collection, Dict, FrozenSet, Mapping, Sequence, Tuple

from .limits import Limits
from .refusal import Refusal
from .releases import FILES
from .values import SplError

ANY, NO, YES = ".*", "0|f|false|n|no|off", "1|t|true|y|yes|on"
_BOOLEAN = "%s|%s" % (NO, YES)
_PYTHON = {"python.version": ANY, "python.required": ANY}

HONOURED: Dict[str, Mapping[str, str]] = {
    "alert_actions": {
        **_PYTHON,
        **dict.fromkeys(
            (
                "alert.execute.cmd",
                "allowedDomainList",
                "from",
                "include.results_link",
                "include.trigger_time",
                "inline",
                "mailserver",
                "message.alert",
                "param.*",
                "sendresults",
                "subject",
                "to",
            ),
            ANY,
        ),
        "is_custom": _BOOLEAN,
        "maxresults": r"\d+",
        "maxtime": r"\d+\s*[smhd]?",
        "payload_format": "json",
    },
    "app": dict.fromkeys(
        (
            "author",
            "build",
            "check_for_updates",
            "description",
            "id",
            "is_configured",
            "is_visible",
            "label",
            "name",
            "reload.*",
            "setup_view",
            "state",
            "state_change_requires_restart",
            "version",
        ),
        ANY,
    ),
    "authorize": {
        "importRoles": ANY,
        "srchIndexesAllowed": ANY,
        "[a-z]*_*": "enabled|disabled",
        "search": "enabled",
        "rtsearch": "enabled",
    },
    "collections": {"accelerated_fields.*": ANY, "enforceTypes": _BOOLEAN, "field.*": ANY, "disabled": _BOOLEAN},
    "commands": {
        **_PYTHON,
        "chunked": YES,
        "disabled": _BOOLEAN,
        "filename": ANY,
        "maxchunksize": ANY,
        "maxwait": ANY,
        "run_in_preview": _BOOLEAN,
    },
    "indexes": {"coldPath": ANY, "disabled": _BOOLEAN, "homePath": ANY, "thawedPath": ANY},
    "inputs": {
        **_PYTHON,
        **dict.fromkeys(("disabled", "host", "index", "indexes", "interval", "source", "sourcetype", "token"), ANY),
    },
    "macros": {
        "args": ANY,
        "definition": ANY,
        "disabled": _BOOLEAN,
        "errormsg": ANY,
        "iseval": _BOOLEAN,
        "validation": ANY,
    },
    "props": {
        "AUTO_KV_JSON": _BOOLEAN,
        "DATETIME_CONFIG": "CURRENT|NONE",
        "KV_MODE": "auto|json|none",
        "LINE_BREAKER": ANY,
        "MAX_TIMESTAMP_LOOKAHEAD": ANY,
        "SHOULD_LINEMERGE": NO,
        "TIME_FORMAT": ANY,
        "TIME_PREFIX": ANY,
        "TRUNCATE": ANY,
        "sourcetype": ANY,
    },
    "restmap": {
        **_PYTHON,
        "capability": ANY,
        "capability.*": ANY,
        "handler": ANY,
        "match": ANY,
        "output_modes": "json",
        "passSystemAuth": _BOOLEAN,
        "requireAuthentication": YES,
        "script": ANY,
        "scripttype": "persist",
    },
    "savedsearches": {
        **dict.fromkeys(
            (
                "action.email.from",
                "action.email.mailserver",
                "action.email.message.alert",
                "action.email.subject",
                "action.email.to",
                "action.webhook.param.url",
                "alert.expires",
                "alert.severity",
                "alert.suppress.fields",
                "alert.suppress.group_name",
                "alert.suppress.period",
                "alert.track",
                "alert_condition",
                "cron_schedule",
                "dispatch.earliest_time",
                "dispatch.latest_time",
                "dispatch.max_count",
                "dispatch.max_time",
                "max_concurrent",
                "quantity",
                "search",
            ),
            ANY,
        ),
        **dict.fromkeys(
            (
                "action.email",
                "action.email.include.results_link",
                "action.email.include.trigger_time",
                "action.email.inline",
                "action.email.sendresults",
                "action.webhook",
                "alert.digest_mode",
                "alert.suppress",
                "disabled",
                "enableSched",
                "realtime_schedule",
            ),
            _BOOLEAN,
        ),
        "counttype": "|always|custom|number of (events|hosts|sources)",
        "dispatchAs": "owner|user",
        "relation": "|(greater|less) than|(not )?equal to",
    },
    "transforms": {
        "case_sensitive_match": _BOOLEAN,
        "collection": ANY,
        "disabled": _BOOLEAN,
        "external_type": "kvstore",
        "fields_list": ANY,
        "filename": ANY,
        "max_matches": ANY,
    },
    "web": {"pattern": ANY, "methods": ANY},
}
"""By file and key, which may contain wildcards: a regular expression for the values."""
IDLE: Dict[str, Mapping[str, str]] = {
    "alert_actions": dict.fromkeys(("description", "icon_path", "label", "priority"), ANY),
    "app": dict.fromkeys(
        ("attribution_link", "company", "docs_section_override", "email", "show_in_nav", "supported_themes"), ANY
    ),
    "collections": {"replicate": NO},
    "commands": {"is_risky": _BOOLEAN},
    "inputs": {"description": ANY},
    "macros": {"description": ANY},
    "props": dict.fromkeys(("category", "description", "pulldown_type"), ANY),
    "savedsearches": {
        **dict.fromkeys(
            (
                "action.email.priority",
                "description",
                "display.*",
                "displayview",
                "is_visible",
                "request.ui_dispatch_*",
                "schedule_priority",
                "schedule_window",
                "vsid",
            ),
            ANY,
        ),
        "dispatch.allow_partial_results": _BOOLEAN,
        "dispatch.auto_cancel": "0",
        "dispatch.auto_pause": "0",
        "schedule_as": "auto|classic",
    },
    "searchbnf": {"*": ANY},
    "server": {"conf_replication_include.*": ANY},
}
"""The same for settings that have nothing to act on here."""
_META = ("access", "export", "owner", "version")


def splunks_files() -> FrozenSet[str]:
    """The configuration files for which Splunk has a specification."""
    return frozenset(conf for _, conf, _ in _specified())


def keys_of(conf: str) -> FrozenSet[str]:
    """The settings in any version's specification of a file. A part in <> stands for any text."""
    return frozenset(key for _, each, keys in _specified() if each == conf for key in keys.split())


def _specified() -> Sequence[Tuple[str, str, str]]:
    return [tuple(line.split("\t")) for line in (FILES / "keys.txt").read_text("utf-8").splitlines()]


def check(conf: str, stanza: str, settings: Mapping[str, str], own: Collection[str] = ()) -> None:
    """Checks a setting. `own` are the settings that the app itself declares for such a stanza.

    Raises:
        Refusal: the stand-in does not know the file, the setting, or this value of it. (A file that Splunk does not
            know either is an app's own.)
    """
    if conf == "restmap" and stanza.startswith("validation:"):
        return None  # its keys are arguments; rest.validation checks its rules when it needs them
    if conf == "limits":
        return _check_limits(stanza, settings)
    tables = [table[conf] for table in (HONOURED, IDLE) if conf in table]
    if not tables:
        if conf in splunks_files():
            raise Refusal(400, "%s.conf is not known here." % conf)
        return None
    for key, value in settings.items():
        patterns = [pattern for table in tables for name, pattern in table.items() if fnmatchcase(key, name)]
        if key in own or any(re.fullmatch(pattern, value.strip(), re.I | re.S) for pattern in patterns):
            continue
        shown = "%s = %s" % (key, value) if patterns else key
        raise Refusal(400, "%s.conf [%s]: %s is not known here." % (conf, stanza, shown))
    return None


def check_meta(name: str, stanza: str, settings: Mapping[str, str]) -> None:
    """Checks a .meta file.

    Raises:
        Refusal: it has a setting that is not known here.
    """
    for key in settings:
        if key not in _META:
            raise Refusal(400, "%s [%s]: %s is not known here." % (name, stanza, key))


def _check_limits(stanza: str, settings: Mapping[str, str]) -> None:
    try:
        Limits({stanza: settings})
    except SplError as error:
        raise Refusal(400, str(error)) from None
