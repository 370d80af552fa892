"""What the app's .conf files may contain: values by file, stanza and key, all as regular expressions.

Written from the *.conf.spec files of Splunk 9.3 and 10.x, for what this app uses or may come to use: splunkd silently
accepts keys that it does not know and values that it cannot read. Add here what Splunk knows and this lacks. The
settings of segment_bridge.conf and of the modular input are in README/*.spec (test_confs.py).
"""

BOOL = r"0|1|true|false"
NUMBER = r"-?\d+"
TEXT = r"(?s).+"
RELATIVE_TIME = r"now|rt|(-\d+[smhdw])?(@[smhdw]\d?)?|\d+"
CRON = r"(\S+ ){4}\S+"
PYTHON = {r"python\.version": "python3", r"python\.required": r"3\.9,3\.13"}
"""Splunk before 10.2 reads the first key, from then on the second."""

CONF_KEYS = {
    "alert_actions": {
        "segment_bridge_send": {
            "is_custom": "1|true",
            "label": r".{1,60}",
            "description": r".{1,200}",
            "icon_path": r"\w+\.png",
            "payload_format": "json",
            r"alert\.execute\.cmd": r"\w+\.py",
            "maxtime": r"\d+[smhd]?",
            r"param\.\w+": r".*",
            **PYTHON,
        },
    },
    "app": {
        "install": {"is_configured": "0|false", "build": NUMBER},
        "id": {"name": "segment_bridge", "version": TEXT},
        "package": {"id": "segment_bridge", "check_for_updates": "0|false"},
        "ui": {
            "is_visible": BOOL,
            "label": r".{5,80}",
            "setup_view": r"\w+",
            "supported_themes": "light,dark|dark,light",
        },
        "launcher": {"author": TEXT, "description": r".{1,200}", "version": TEXT},
        "triggers": {r"reload\.segment_bridge": "simple"},
    },
    "authorize": {
        r"capability::(segment_bridge_\w+|edit_modinput_usersignups)": {},
        r"role_segment_bridge_\w+": {
            "importRoles": r"(user|power)(;\w+)*",
            r"[a-z_]+": "enabled",
            "srchIndexesAllowed": TEXT,
        },
        "role_admin|role_sc_admin": {r"segment_bridge_\w+|edit_modinput_usersignups": "enabled"},
    },
    "collections": {
        r"\w+": {
            r"field\.\w+": "number|bool|string|time",
            r"accelerated_fields\.\w+": r"\{.+\}",
            "enforceTypes": BOOL,
            "replicate": BOOL,
        },
    },
    "commands": {
        r"segment(send|check|receipts)": {
            "filename": r"segment(send|check|receipts)\.py",
            "chunked": "true",
            "is_risky": "true",
            "run_in_preview": "false",
            "maxwait": NUMBER,
            "maxchunksize": NUMBER,
            **PYTHON,
        },
    },
    "inputs": {
        "usersignups": {"interval": NUMBER + "|" + CRON, "disabled": BOOL, "start_by_shell": "false", **PYTHON},
        r"usersignups://\w+": {"interval": NUMBER + "|" + CRON, "disabled": "1|true"},
    },
    "macros": {
        r"segment_bridge_\w+(\(\d\))?": {
            "definition": TEXT,
            "args": r"\w+(, ?\w+)*",
            "iseval": BOOL,
            "validation": TEXT,
            "errormsg": TEXT,
            "description": TEXT,
        },
    },
    "props": {
        r"source::\S+|segment_bridge:log": {
            "sourcetype": r"segment_bridge:log",
            "TIME_PREFIX": TEXT,
            "TIME_FORMAT": TEXT,
            "MAX_TIMESTAMP_LOOKAHEAD": NUMBER,
            "LINE_BREAKER": TEXT,
            "SHOULD_LINEMERGE": BOOL,
            "TRUNCATE": NUMBER,
            "KV_MODE": "none|auto|auto_escaped|json",
            "TZ": TEXT,
            r"(EXTRACT|EVAL|FIELDALIAS|LOOKUP|REPORT)-\w+": TEXT,
            "CHARSET": TEXT,
            "disabled": BOOL,
            "category": TEXT,
            "description": TEXT,
            "pulldown_type": BOOL,
            "EVENT_BREAKER_ENABLE": BOOL,
            "EVENT_BREAKER": TEXT,
        },
    },
    "restmap": {
        r"script:segment_bridge_\w+": {
            "match": r"/segment_bridge/\w+",
            "script": r"\w+\.py",
            "scripttype": "persist",
            "handler": r"\w+\.\w+",
            r"capability(\.(get|post|put|delete))?": r"segment_bridge_\w+|list_storage_passwords",
            "requireAuthentication": "true",
            "passSystemAuth": BOOL,
            "output_modes": "json",
            **PYTHON,
        },
        "validation:savedsearch": {r"action\.segment_bridge_send": TEXT},
    },
    "savedsearches": {
        r"Segment Bridge - .+": {
            "search": TEXT,
            "description": TEXT,
            "disabled": BOOL,
            "enableSched": "0",
            "cron_schedule": CRON,
            "schedule_window": NUMBER + "|auto",
            "schedule_as": "auto|classic",
            "schedule_priority": "default|higher|highest",
            "realtime_schedule": BOOL,
            "max_concurrent": NUMBER,
            "allow_skew": TEXT,
            "dispatchAs": "owner|user",
            "is_visible": BOOL,
            r"request\.ui_dispatch_(app|view)": r"\w+",
            r"dispatch\.(earliest|latest)_time": RELATIVE_TIME,
            r"dispatch\.index_(earliest|latest)": RELATIVE_TIME,
            r"dispatch\.(ttl|max_time|max_count|auto_cancel)": NUMBER + "p?",
            r"dispatch\.(allow_partial_results|lookups)": BOOL,
            r"counttype": "number of events|number of hosts|number of sources|custom|always",
            "relation": "greater than|less than|equal to|not equal to|drops by|rises by",
            "quantity": NUMBER,
            "alert_condition": TEXT,
            r"alert\.(suppress|digest_mode)": BOOL,
            r"alert\.track": BOOL + "|auto",
            r"alert\.severity": "[1-6]",
            r"alert\.(expires|suppress\.period)": r"\d+[smhd]?",
            r"alert\.suppress\.fields": TEXT,
            r"action\.email": BOOL,
            r"action\.email\.to": r".*",
            r"action\.email\.(subject|message|message\.alert|subject\.alert)": TEXT,
            r"action\.email\.(inline|sendresults|include\.\w+)": BOOL,
            r"action\.email\.format": "table|raw|csv",
            r"action\.email\.priority": "[1-5]",
            r"display\.(general|page|statistics|visualizations|events)\.[\w.]+": TEXT,
        },
    },
    "searchbnf": {
        r"segment(send|check|receipts)-command": {
            "syntax": TEXT,
            "simplesyntax": TEXT,
            "description": TEXT,
            "shortdesc": TEXT,
            "usage": "public",
            "tags": TEXT,
            "related": TEXT,
            r"(example|comment)\d+": TEXT,
        },
        r"segmentsend-[a-z-]+": {"syntax": TEXT, "description": TEXT},
    },
    "server": {
        "shclustering": {r"conf_replication_include\.segment_bridge": "true"},
    },
    "transforms": {
        r"\w+": {
            "filename": r"\w+\.csv",
            "external_type": "kvstore",
            "collection": r"\w+",
            "fields_list": r"\w+(, ?\w+)*",
            "max_matches": NUMBER,
            "min_matches": NUMBER,
            "default_match": TEXT,
            "case_sensitive_match": BOOL,
            "match_type": TEXT,
            "filter": TEXT,
            "batch_index_query": BOOL,
        },
    },
    "web": {
        r"expose:segment_bridge_\w+": {
            "pattern": r"[\w*]+(/[\w*]+)*",
            "methods": "(GET|POST|DELETE)(,(GET|POST|DELETE))*",
        },
    },
}

META_KEYS = {
    r"|\w+|\w+/\S+": {"access": r"read : \[ .+ \], write : \[ .+ \]", "export": "none|system"},
}
"""metadata/default.meta: the whole app, all objects of a kind, one object."""
