"""Questions that neither Splunk's manuals nor its files answer. Splunk's own answers go into the report."""

import json

import pytest
from splunklib.binding import HTTPError

from tests.support.administrator import APP, AUDIT_INDEX
from tests.support.environment import CLUSTER, is_real

if not is_real():
    pytest.skip("needs a real Splunk: make test-splunk", allow_module_level=True)

SEARCHES = {
    "what a lookup by two fields finds if the name is null": (
        '| makeresults | eval cluster="%s" | lookup usersignups username AS no_name, cluster OUTPUT sso_user_id AS x '
        '| eval x=if(isnull(x), "nothing", "somebody") | table x' % CLUSTER
    ),
    "what a lookup by two fields finds if the cluster is null": (
        "| inputlookup usersignups | head 1 | fields username | lookup usersignups username, cluster AS nothing_has "
        'OUTPUT sso_user_id AS x | eval x=if(isnull(x), "nothing", "somebody") | table x'
    ),
    "json_extract with several paths, one of which is missing": (
        r'| makeresults | eval j="{\"a\":1,\"c\":3}", x=json_extract(j, "a", "b", "c") '
        "| eval n=mvcount(json_array_to_mv(x)) | table x n"
    ),
    "json_array_to_mv of a null and of a nested list": (
        '| makeresults | eval x=json_array_to_mv("[1,null,[2,3]]"), n=mvcount(x) | table x n'
    ),
    "which of these a phrase with quotes finds: a text, the word within a text, the text in capitals": (
        "| makeresults count=3 | streamstats count AS n "
        r'| eval _raw=case(n=1, "{\"a\" : \"b\"}", n=2, "{\"a\":\"a b c\"}", n=3, "{\"a\":\"B\"}") '
        r'| search "\"b\"" | table n'
    ),
    "what an empty cell of a command's reply becomes": (
        '| makeresults | eval userId="u", event="E" | segmentsend dryrun=true '
        '| eval n=if(isnull(segment_reason), "null", "text [".segment_reason."]") | stats count BY n'
    ),
    "what fromjson makes of objects, arrays and null": (
        r'| makeresults | eval r="{\"a\":{\"b\":1},\"c\":[{\"d\":2}],\"e\":null}" | fromjson r prefix=z_ | table z_*'
    ),
    "what fromjson makes of invalid JSON": r'| makeresults | eval r="{cut" | fromjson r prefix=z_ | table z_*',
    "a whole number as text, after mvrange and relative_time": (
        '| makeresults | eval t=relative_time(1700000000, "@h"), s=mvrange(t, t+7200, 3600) | mvexpand s '
        '| eval k=s."/x", u=t."/x" | table k u'
    ),
    "a whole number as text, after bin": (
        '| makeresults | eval _time=1700000000 | bin _time span=1h | eval k=_time."/x" | table k'
    ),
    "mvappend of null and a value, and of nulls alone": (
        '| makeresults | eval a=mvappend(null_field, "x"), b=mvappend(null_field, other_null_field) | table a b'
    ),
    "mvmap of a single value": '| makeresults | eval a="x", b=mvmap(a, a."!") | table b',
    "the capabilities that guard the input": (
        "| rest /services/authorization/capabilities | fields capabilities | mvexpand capabilities "
        "| search capabilities=edit_modinput_*"
    ),
}
"""Questions, each with the search whose rows are the answer."""


def answer(admin, search, **dispatch):
    outcome = admin.search(search, **dispatch)
    if outcome.failed:
        return "an error: " + "; ".join(text for _, text in outcome.messages)
    return json.dumps(outcome.rows, ensure_ascii=False)


@pytest.fixture
def note(record_property):
    """Puts a question and its answer into the report."""
    return lambda question, said: record_property("answer", (question, said))


def test_the_version_of_splunk(bridge, note):
    info = bridge.admin.service.info
    note("its version", "%s, build %s, on %s" % (info["version"], info["build"], info["os_name"]))


@pytest.mark.parametrize("question", SEARCHES)
def test_questions_about_the_search_language(bridge, note, question):
    note(question, answer(bridge.admin, SEARCHES[question]))


def test_which_events_index_time_bounds_include(bridge, note):
    base = 'search index="%s" ' % AUDIT_INDEX
    first = bridge.admin.search(base + "| stats min(_indextime) AS first", earliest_time="0").rows[0]["first"]
    second = int(float(first))
    at_first = "%s| where _indextime=%d | stats count" % (base, second)
    note("events of one second", answer(bridge.admin, at_first, earliest_time="0"))
    for bounds in (
        "_index_earliest=%d _index_latest=%d" % (second, second + 1),
        "_index_latest=%d" % second,
        '[ | makeresults | eval search="_index_earliest=%d _index_latest=%d" | return $search ]' % (second, second + 1),
    ):
        shown = bounds.replace(str(second + 1), "N+1").replace(str(second), "N")
        note("events with " + shown, answer(bridge.admin, base + bounds + " | stats count", earliest_time="0"))


def test_what_a_durable_search_does_when_its_command_fails(bridge, note):
    """Needed for `durable.*` of savedsearches.conf.spec: is it run again, for which time, as whom?"""
    searches, name = bridge.admin.service.saved_searches, "Segment Bridge - durable"
    try:
        searches.create(
            name,
            '| makeresults | eval event="E", userId="u" | segmentsend destination=nowhere',
            **{
                "cron_schedule": "* * * * *",
                "is_scheduled": "1",
                "durable.track_time_type": "_time",
                "durable.lag_time": "0",
                "dispatch.earliest_time": "-1m@m",
                "dispatch.latest_time": "@m",
            },
        )
    except HTTPError as error:
        note("a durable search", "cannot be made: %s" % error)
        return
    try:
        found = bridge.admin.wait_for_rows(
            'search index=_internal sourcetype=scheduler savedsearch_name="%s" status!=delegated* '
            "| table status durable_cursor user scheduled_time | head 5" % name,
            seconds=130,
        )
        note("a durable search whose command fails", json.dumps(found))
    except TimeoutError:
        note("a durable search whose command fails", "no run in 130 s")
    finally:
        searches.delete(name)


def test_the_longest_secret_that_the_password_store_takes(bridge, note):
    passwords = bridge.admin.service.storage_passwords
    for length in (256, 1000):
        try:
            kept = passwords.create("s" * length, "question", APP)
        except HTTPError as error:
            note("a secret of %d characters" % length, "refused: %s" % error)
            continue
        note("a secret of %d characters" % length, "comes back with %d" % len(kept.clear_password or ""))
        kept.delete()


def test_what_btool_says_of_the_app(container, note):
    lines = container.splunk("btool", "check", "--debug").splitlines()
    note("btool check", "; ".join(line for line in lines if APP in line and "Checking" not in line) or "nothing")
