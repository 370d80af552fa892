"""The password store and KV store over REST, through splunklib."""

import json

import pytest
import requests

from tests.standin.clients import PASSWORD, connect, package, refusal
from tests.standin.splunkd import Splunkd
from tests.standin.stores import kvstore

FILES = {
    "default/collections.conf": "[open]\nfield.n = number\n[own]\n[readable]\n[strict]\nenforceTypes = 1\n"
    "field.n = number\n",
    "default/transforms.conf": "".join(
        "[%s]\nexternal_type = kvstore\ncollection = %s\nfields_list = _key, n\n" % (name, name)
        for name in ("open", "own", "strict", "none")
    ),
    "metadata/default.meta": """[]
access = read : [ * ], write : [ admin ]
[collections/open]
access = read : [ * ], write : [ * ]
[collections/own]
access = read : [ power ], write : [ power ]
""",
}


@pytest.fixture
def app(splunkd, tmp_path):
    return splunkd.install(package(tmp_path, "one", FILES), False)


@pytest.fixture
def service(splunkd, app):
    return connect(splunkd, app=app, owner="nobody")


class TestPasswords:
    def test_a_password_is_stored_read_changed_and_deleted(self, service):
        stored = service.storage_passwords.create("secret", "user", "realm")
        assert (stored.name, stored.clear_password, stored.realm, stored.username) == (
            "realm:user:",
            "secret",
            "realm",
            "user",
        )
        stored.update(password="other")
        assert service.storage_passwords["realm:user:"].clear_password == "other"
        service.storage_passwords.delete("user", "realm")
        assert service.storage_passwords.list() == []

    def test_colons_in_names_are_not_separators(self, service):
        service.storage_passwords.create("one", "a:b", "r")
        service.storage_passwords.create("two", "b", "r:a")
        found = {(each.realm, each.username): each.clear_password for each in service.storage_passwords.list()}
        assert found == {("r", "a:b"): "one", ("r:a", "b"): "two"}

    def test_no_file_contains_it_in_clear_text(self, splunkd, service):
        service.storage_passwords.create("the-secret-itself", "user", "realm")
        texts = [path.read_bytes() for path in splunkd.home.rglob("*") if path.is_file()]
        assert not any(b"the-secret-itself" in text for text in texts)

    def test_another_app_does_not_see_it(self, splunkd, service):
        service.storage_passwords.create("secret", "user", "realm")
        assert connect(splunkd, app="search", owner="nobody").storage_passwords.list() == []

    @pytest.mark.parametrize("password", ["", "x" * 256])
    def test_an_impossible_password(self, service, password):
        assert refusal(service.storage_passwords.create, password, "user", "realm")[0] == 400

    def test_a_duplicate_name_is_409_and_an_unknown_one_404(self, service):
        service.storage_passwords.create("secret", "user", "realm")
        assert refusal(service.storage_passwords.create, "secret", "user", "realm")[0] == 409
        assert refusal(service.delete, "storage/passwords/realm:none:")[0] == 404

    @pytest.mark.parametrize("user", ["user", "power"])
    def test_only_administrators_access_passwords(self, splunkd, service, user):
        other = connect(splunkd, user, "one", "nobody")
        assert refusal(other.storage_passwords.list)[0] == 403
        assert refusal(other.storage_passwords.create, "x", "y")[0] == 403


class TestCollections:
    def test_a_collection_is_created_changed_and_deleted_with_its_documents(self, service):
        service.kvstore.create("fresh", fields={"n": "number"}, accelerated_fields={"by_n": {"n": 1}})
        collection = service.kvstore["fresh"]
        assert (collection["field.n"], collection["accelerated_fields.by_n"]) == ("number", {"n": 1})
        collection.update_field("m", "string")
        assert service.kvstore["fresh"]["field.m"] == "string"
        collection.data.insert('{"n": 1}')
        collection.delete()
        assert "fresh" not in service.kvstore
        service.kvstore.create("fresh")
        assert service.kvstore["fresh"].data.query() == []

    @pytest.mark.parametrize(
        ("name", "settings"),
        [
            ("with space", {}),
            ("fresh", {"field.a": "integer"}),
            ("fresh", {"accelerated_fields.a": "n"}),
            ("fresh", {"color": "red"}),
        ],
    )
    def test_an_impossible_collection(self, service, name, settings):
        assert refusal(service.post, "storage/collections/config", name=name, **settings)[0] == 400

    def test_collections_belong_to_nobody(self, splunkd, app):
        status, text = refusal(connect(splunkd, "admin", app, "admin").post, "storage/collections/config", name="fresh")
        assert (status, "Must use user context of 'nobody'" in text) == (400, True)


class TestDocuments:
    @pytest.fixture
    def data(self, service):
        data = service.kvstore["open"].data
        data.batch_save(*({"_key": key, "n": number} for number, key in enumerate(("a/b", "b c", "ü"))))
        return data

    def test_they_are_found_by_any_key(self, data):
        for number, key in enumerate(("a/b", "b c", "ü")):
            assert data.query_by_id(key)["n"] == number
            data.update(key, json.dumps({"n": number + 10}))
            assert data.query_by_id(key) == {"_key": key, "_user": "nobody", "n": number + 10}
            data.delete_by_id(key)
            assert refusal(data.query_by_id, key)[0] == 404

    def test_queries_support_all_options(self, data):
        found = data.query(query=json.dumps({"n": {"$gt": 0}}), sort="n:-1", fields="n,_key:0", limit=1, skip=1)
        assert found == [{"n": 1}]

    def test_several_queries_at_once(self, data):
        assert [len(found) for found in data.batch_find({"query": {"n": 1}}, {"query": {}, "limit": 2})] == [1, 2]

    def test_some_or_all_are_deleted(self, data):
        data.delete(json.dumps({"n": 1}))
        assert [each["n"] for each in data.query(sort="n")] == [0, 2]
        data.delete()
        assert data.query() == []

    def test_an_insert_returns_the_key(self, data):
        key = data.insert('{"n": 5}')["_key"]
        assert data.query_by_id(key)["n"] == 5
        assert refusal(data.insert, json.dumps({"_key": key}))[0] == 409

    @pytest.mark.parametrize(
        "options",
        [
            {"query": "{"},
            {"query": '{"$near": 1}'},
            {"limit": "many"},
            {"color": "red"},
            {"sort": "n:up"},
            {"fields": "n,m:0"},
        ],
    )
    def test_an_invalid_query_is_400_in_json(self, data, options):
        status, text = refusal(data.query, **options)
        assert (status, '"messages"' in text) == (400, True)

    def test_an_invalid_document_is_400_and_another_content_type_415(self, service, data):
        assert refusal(data.insert, "[]")[0] == 400
        assert refusal(data.insert, "{")[0] == 400
        assert refusal(service.post, "storage/collections/data/open", body='{"n": 1}')[0] == 415

    def test_a_batch_has_its_limits(self, data):
        status, text = refusal(data.batch_save, *({} for _ in range(kvstore.MAX_DOCUMENTS_PER_BATCH_SAVE + 1)))
        assert (status, "max_documents_per_batch_save" in text) == (400, True)
        status, text = refusal(data.batch_save, *({"x": "x" * 14_000_000} for _ in range(4)))
        assert (status, "max_size_per_batch_save_mb" in text) == (400, True)
        assert refusal(data.batch_find, *({} for _ in range(kvstore.MAX_QUERIES_PER_BATCH + 1)))[0] == 400

    def test_a_namespace_with_wildcards_has_no_documents(self, splunkd, app):
        assert refusal(connect(splunkd, app="-", owner="nobody").get, "storage/collections/data/open")[0] == 400

    def test_each_owner_has_their_own_documents(self, splunkd, app, data):
        own, url = connect(splunkd, "user", app, "user"), "storage/collections/data/open"
        assert json.loads(own.get(url).body.read()) == []
        own.post(url, body='{"n": 9}', headers=[("Content-Type", "application/json")])
        assert [each["n"] for each in json.loads(own.get(url).body.read())] == [9]
        assert len(data.query()) == 3
        assert refusal(connect(splunkd, "power", app, "user").get, url)[0] == 403


class TestRights:
    @pytest.mark.parametrize(
        ("user", "collection", "read", "write"),
        [
            ("user", "open", 200, 201),
            ("user", "readable", 200, 403),
            ("user", "own", 404, 404),
            ("power", "own", 200, 201),
            ("admin", "own", 200, 201),
        ],
    )
    def test_a_role_reads_and_writes_only_what_it_may(self, splunkd, app, user, collection, read, write):
        connect(splunkd, user)
        auth = (user, splunkd.sessions.users[user][0])
        url = "%s/servicesNS/nobody/one/storage/collections/data/%s" % (splunkd.management_url, collection)
        ca = splunkd.etc / "auth" / "ca.pem"
        assert requests.get(url, auth=auth, verify=ca, timeout=10).status_code == read
        assert requests.post(url, auth=auth, verify=ca, timeout=10, json={"n": 1}).status_code == write

    def test_another_app_cannot_access_it(self, splunkd, app):
        assert refusal(connect(splunkd, app="search", owner="nobody").get, "storage/collections/data/open")[0] == 404


class TestLookups:
    """What a search sees of a collection, through its lookup definition."""

    def rows(self, service, search):
        reply = service.jobs.oneshot(search, output_mode="json", count=0)
        return json.loads(reply.read())["results"]

    def failure(self, service, search):
        return refusal(service.jobs.oneshot, search)[1]

    def test_documents_are_read_and_written(self, service):
        self.rows(service, "| makeresults count=3 | streamstats count AS n | outputlookup open key_field=n")
        assert service.kvstore["open"].data.query(sort="n", fields="n") == [{"_key": str(n), "n": n} for n in (1, 2, 3)]
        assert self.rows(service, "| inputlookup open | where n>1 | table n") == [{"n": "2"}, {"n": "3"}]

    @pytest.mark.parametrize(("user", "works"), [("power", True), ("user", False)])
    def test_permissions_of_the_collection_count(self, splunkd, app, user, works):
        other = connect(splunkd, user, app)
        if works:
            assert self.rows(other, "| inputlookup own") == []
        else:
            assert "permission" in self.failure(other, "| inputlookup own")

    def test_while_kv_store_starts_the_search_fails_and_says_why(self, splunkd, service):
        splunkd.kvstore.status = kvstore.STARTING
        for search in ("| inputlookup open", "| makeresults | eval n=1 | lookup open n OUTPUT _key AS k"):
            assert "KV Store initialization has not completed yet." in self.failure(service, search)

    def test_an_unknown_collection_is_named(self, service):
        assert "collection with name=none" in self.failure(service, "| inputlookup none")

    def test_a_violation_of_enforced_types_fails_the_search(self, service):
        assert "'n' is not of type 'number'" in self.failure(
            service, '| makeresults | eval n="many" | outputlookup strict'
        )


class TestLife:
    def state(self, service):
        reply = json.loads(service.get("kvstore/status", output_mode="json").body.read())
        return reply["entry"][0]["content"]["current"]["status"]

    def test_while_it_starts_calls_are_503_and_the_status_says_so(self, splunkd, service):
        data = service.kvstore["open"].data
        splunkd.kvstore.status = kvstore.STARTING
        status, text = refusal(data.query)
        assert (status, "KV Store is initializing. Please try again later." in text) == (503, True)
        assert refusal(data.insert, "{}")[0] == refusal(data.batch_save, {})[0] == refusal(data.delete)[0] == 503
        assert self.state(service) == "starting"
        splunkd.kvstore.status = kvstore.READY
        assert (data.query(), self.state(service)) == ([], "ready")

    def test_everything_is_there_after_a_restart(self, tmp_path):
        with Splunkd(tmp_path / "home", PASSWORD) as first:
            first.install(package(tmp_path, "one", FILES), False)
            service = connect(first, app="one", owner="nobody")
            service.kvstore["open"].data.insert('{"_key": "a", "n": 1}')
            service.storage_passwords.create("secret", "user", "realm")
            service.indexes["main"].submit("event", sourcetype="st")
        with Splunkd(tmp_path / "home", PASSWORD) as second:
            service = connect(second, app="one", owner="nobody")
            assert service.kvstore["open"].data.query_by_id("a")["n"] == 1
            assert service.storage_passwords["realm:user:"].clear_password == "secret"
            assert second.events.count("main") == 1


class TestWhatTheSdkTests:
    """What splunk-sdk-python's integration tests (test_storage_passwords, test_kvstore_*) show about a real Splunk."""

    def test_backslashes_and_colons_of_names_are_escaped(self, splunkd):
        passwords = connect(splunkd, app="search", owner="nobody").storage_passwords
        for realm, user, name in (
            ("\\r", "\\u", "\\\\r:\\\\u:"),
            (":r", "u:", "\\:r:u\\::"),
            ("a\\:b", "c\\", "a\\\\\\:b:c\\\\:"),
        ):
            made = passwords.create("secret", user, realm)
            assert (made.name, made.realm, made.username) == (name, realm, user)
            made.delete()
        assert len(passwords) == 0

    def test_the_colon_at_the_end_of_a_name_may_be_missing(self, splunkd):
        passwords = connect(splunkd, app="search", owner="nobody").storage_passwords
        passwords.create("secret", "u", "r")
        assert "r:u:" in passwords and "r:u" in passwords
        passwords["r:u"].delete()
        assert "r:u:" not in passwords

    def test_the_key_can_be_omitted_by_its_internal_name(self, splunkd):
        service = connect(splunkd, app="search", owner="nobody")
        service.kvstore.create("c")
        service.kvstore["c"].data.insert(json.dumps({"_key": "1", "a": 1, "b": 2}))
        for fields in ("a,_id:0", "a,_key:0"):
            assert service.kvstore["c"].data.query(fields=fields) == [{"a": 1}]

    def test_a_text_of_a_number_becomes_a_number_if_types_are_not_enforced(self, splunkd):
        service = connect(splunkd, app="search", owner="nobody")
        service.kvstore.create("c")
        service.kvstore["c"].post(**{"field.a": "number"})
        for key, value in enumerate(["39", "1.5", "039", "many"]):
            service.kvstore["c"].data.insert(json.dumps({"_key": str(key), "a": value}))
        assert [document.get("a") for document in service.kvstore["c"].data.query(sort="_key")] == [39, 1.5, None, None]

    def test_two_apps_may_have_collections_with_the_same_name(self, splunkd):
        service = connect(splunkd, app="system", owner="nobody")
        service.kvstore.create("c")
        service.namespace["app"] = "search"
        service.kvstore.create("c")
        assert service.kvstore["c"]["eai:appName"] == "search"
        service.kvstore["c"].delete()
        assert service.kvstore["c"]["eai:appName"] == "system"

    def test_definitions_belong_to_nobody(self, splunkd):
        service = connect(splunkd)
        for path in ("storage/collections/config", "storage/collections/config/c"):
            assert "user context of 'nobody'" in refusal(service.get, path, owner="admin", app="search")[1]
        assert service.get("storage/collections/config", owner="nobody", app="search").status == 200
