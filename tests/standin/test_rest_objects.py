"""Objects of apps and of users over REST: namespaces, permissions by role, and how collections are read."""

import json

import pytest
import requests
from splunklib.binding import HTTPError

from tests.standin.clients import connect, package, refusal

META = """[]
access = read : [ * ], write : [ admin, power ]
[macros/secret]
access = read : [ power ], write : [ admin ]
[transforms]
access = read : [ admin ]
[transforms/open]
access = read : [ * ], write : [ * ]
"""
MACROS = "".join("[m%d]\ndefinition = %d\n" % (number, number % 3) for number in range(40))


@pytest.fixture
def app(splunkd, tmp_path):
    connect(splunkd).post(
        "apps/local",
        filename="1",
        name=str(
            package(
                tmp_path,
                "one",
                {
                    "default/macros.conf": MACROS + "[secret]\ndefinition = 1\n",
                    "metadata/default.meta": META,
                    "default/transforms.conf": "[open]\nfilename = a.csv\n",
                },
            )
        ),
    )
    return "one"


@pytest.fixture
def shared(splunkd, app):
    """By user, what the app shares, as that user sees it."""
    return lambda user: connect(splunkd, user, app, "nobody")


def answer(service, path, **arguments):
    return json.loads(service.get(path, output_mode="json", **arguments).body.read())


def status(call, *arguments, **named):
    return refusal(call, *arguments, **named)[0]


class TestRights:
    def test_users_who_may_not_read_an_object_do_not_see_it(self, shared):
        assert "secret" in shared("power").confs["macros"]
        assert "secret" not in shared("user").confs["macros"]
        assert status(shared("user").get, "configs/conf-macros/secret") == 404

    def test_users_who_may_not_write_an_object_are_forbidden(self, shared):
        assert status(shared("power").confs["macros"]["secret"].update, definition="2") == 403
        assert status(shared("user").confs["macros"]["m1"].update, definition="2") == 403
        shared("power").confs["macros"]["m1"].update(definition="7")
        assert shared("user").confs["macros"]["m1"]["definition"] == "7"

    def test_an_administrator_may_do_everything(self, shared):
        shared("admin").confs["macros"]["secret"].update(definition="2")
        assert shared("admin").confs["macros"]["secret"]["definition"] == "2"

    def test_an_unreadable_kind_hides_readable_objects(self, shared):
        assert "open" not in [each["name"] for each in answer(shared("power"), "data/transforms/lookups")["entry"]]
        assert "open" in [each["name"] for each in answer(shared("admin"), "data/transforms/lookups")["entry"]]

    def test_only_users_who_may_write_the_app_add_to_it(self, shared):
        assert status(shared("user").macros.create, "new", "1") == 403
        assert shared("power").macros.create("new", "1").name == "new"

    def test_the_entry_says_what_the_user_may_do(self, shared):
        acl = answer(shared("power"), "configs/conf-macros/m1")["entry"][0]["acl"]
        assert (acl["can_write"], acl["removable"], acl["sharing"], acl["owner"]) == (True, False, "app", "nobody")
        assert acl["perms"] == {"read": ["*"], "write": ["admin", "power"]}
        entry = answer(shared("user"), "configs/conf-macros/m1")["entry"][0]
        assert entry["acl"]["can_write"] is False
        assert "edit" not in entry["links"]

    @pytest.mark.parametrize(
        ("path", "user"),
        [
            ("storage/passwords", "power"),
            ("data/inputs", "can_delete"),
            ("authentication/users", "user"),
            ("authorization/roles", "power"),
            ("data/inputs/http", "power"),
            ("server/settings", "power"),
        ],
    )
    def test_an_endpoint_requires_a_capability(self, shared, path, user):
        assert status(shared(user).get, path) == 403

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Splunk none"},
            {"Authorization": "Basic YWRtaW46d3Jvbmc="},
            {"Cookie": "splunkd_8089=none"},
        ],
    )
    def test_nobody_gets_anything_without_a_session(self, splunkd, headers):
        answered = requests.get(
            splunkd.management_url + "/services/server/info",
            headers=headers,
            timeout=10,
            verify=splunkd.etc / "auth" / "ca.pem",
        )
        assert answered.status_code == 401
        assert '<msg type="' in answered.text


class TestAcl:
    def test_permissions_can_be_changed(self, shared):
        macro = shared("admin").confs["macros"]["m1"]
        macro.acl_update(sharing="global", owner="nobody", **{"perms.read": "power", "perms.write": "admin"})
        assert "m1" not in shared("user").confs["macros"]
        acl = answer(shared("power"), "configs/conf-macros/m1/acl")["entry"][0]["acl"]
        assert (acl["sharing"], acl["perms"]) == ("global", {"read": ["power"], "write": ["admin"]})

    def test_a_global_object_is_visible_in_other_apps(self, splunkd, shared):
        elsewhere = connect(splunkd, app="search", owner="nobody")
        assert "m1" not in elsewhere.confs["macros"] if "macros" in elsewhere.confs else True
        shared("admin").confs["macros"]["m1"].acl_update(sharing="global", owner="nobody")
        assert "m1" in elsewhere.confs["macros"]
        assert "m2" not in elsewhere.confs["macros"]

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            ({"owner": "nobody"}, "sharing"),
            ({"sharing": "app"}, "owner"),
            ({"sharing": "all", "owner": "nobody"}, "all"),
            ({"sharing": "app", "owner": "stranger"}, "stranger"),
            ({"sharing": "app", "owner": "nobody", "perms.read": "chefs"}, "chefs"),
            ({"sharing": "app", "owner": "nobody", "color": "red"}, "color"),
        ],
    )
    def test_errors_in_a_change_are_explained(self, shared, arguments, reason):
        with pytest.raises(HTTPError, match=reason) as refused:
            shared("admin").post("configs/conf-macros/m1/acl", body=arguments)
        assert refused.value.status == 400

    def test_users_who_may_not_write_an_object_may_not_share_it(self, shared):
        body = {"sharing": "app", "owner": "nobody"}
        assert status(shared("user").post, "configs/conf-macros/m1/acl", body=body) == 403


class TestPrivateObjects:
    @pytest.fixture
    def own(self, splunkd, app):
        service = connect(splunkd, "user", app, "user")
        service.saved_searches.create("Mine", "| makeresults")
        return service

    def test_a_user_without_permissions_in_an_app_has_private_objects(self, own):
        entry = answer(own, "saved/searches/Mine")["entry"][0]
        assert (entry["acl"]["sharing"], entry["acl"]["owner"], entry["acl"]["perms"]) == ("user", "user", None)
        assert entry["links"]["edit"] == "/servicesNS/user/one/saved/searches/Mine"

    def test_nobody_else_sees_them(self, splunkd, own, shared):
        assert "Mine" not in shared("power").saved_searches
        assert status(connect(splunkd, "power", "one", "user").get, "saved/searches/Mine") == 404
        assert "Mine" in connect(splunkd, "admin", "one", "user").saved_searches

    def test_nobody_else_creates_them(self, splunkd, own):
        assert status(connect(splunkd, "power", "one", "user").saved_searches.create, "Yours", "| makeresults") == 403

    def test_private_searches_run(self, own):
        job = own.saved_searches["Mine"].dispatch()
        while not job.is_done():
            pass
        assert job["resultCount"] == "1"

    def test_a_private_macro_works_in_its_owners_searches(self, own, shared):
        own.macros.create("m1", "5")
        search = "| makeresults | eval a=`m1` | table a"
        assert own.jobs.oneshot(search, output_mode="csv").read() == b"a\n5\n"
        assert shared("power").jobs.oneshot(search, output_mode="csv").read() == b"a\n1\n"

    def test_sharing_requires_write_permission_on_the_app(self, splunkd, own, shared):
        assert status(own.saved_searches["Mine"].acl_update, sharing="app", owner="user") == 403
        connect(splunkd, "admin", "one", "user").saved_searches["Mine"].acl_update(sharing="app", owner="user")
        entry = answer(shared("power"), "saved/searches/Mine")["entry"][0]
        assert (entry["acl"]["sharing"], entry["author"]) == ("app", "user")
        assert entry["id"].endswith("/servicesNS/nobody/one/saved/searches/Mine")

    def test_its_owner_can_delete_one(self, own):
        own.saved_searches.delete("Mine")
        assert "Mine" not in own.saved_searches


class TestNamespaces:
    def test_nothing_is_written_in_a_namespace_with_wildcards(self, splunkd, app):
        for owner, name in (("-", app), ("nobody", "-")):
            assert status(connect(splunkd, "admin", name, owner).macros.create, "new", "1") == 400

    def test_an_unknown_user(self, splunkd, app):
        assert status(connect(splunkd, "admin", app, "stranger").macros.list) == 404

    def test_objects_in_default_cannot_be_deleted_but_those_in_local_can(self, shared):
        service = shared("admin")
        assert status(service.confs["macros"].delete, "m1") == 403
        service.macros.create("new", "1")
        service.macros.delete("new")
        assert "new" not in service.confs["macros"]

    def test_a_duplicate_name_is_409(self, shared):
        assert status(shared("admin").macros.create, "m1", "1") == 409

    def test_an_unknown_object_is_404(self, shared):
        assert status(shared("admin").post, "admin/macros/none", definition="1") == 404
        assert status(shared("admin").delete, "admin/macros/none") == 404

    def test_an_unknown_method_is_405(self, shared):
        assert status(shared("admin").delete, "server/info") == 405

    def test_an_unknown_endpoint_is_404(self, shared):
        assert status(shared("admin").get, "nonsense") == 404

    @pytest.mark.parametrize("name", ["a/b", "a b", "a+b", "ü", "a&b?c#d"])
    def test_an_object_with_any_name_can_be_found(self, shared, name):
        service = shared("admin")
        service.saved_searches.create(name, "| makeresults")
        entry = answer(service, "saved/searches", count=0, search="name=%s" % name)["entry"][0]
        assert entry["name"] == name
        assert service.saved_searches[name]["search"] == "| makeresults"
        service.saved_searches.delete(name)
        assert name not in service.saved_searches


class TestPages:
    def test_a_page_has_thirty_entries_by_default(self, shared):
        found = answer(shared("admin"), "configs/conf-macros")
        assert (len(found["entry"]), found["paging"]) == (30, {"total": 41, "perPage": 30, "offset": 0})
        rest = answer(shared("admin"), "configs/conf-macros", offset=30)
        assert (len(rest["entry"]), rest["paging"]["offset"]) == (11, 30)
        assert not {each["name"] for each in found["entry"]} & {each["name"] for each in rest["entry"]}

    @pytest.mark.parametrize("count", [0, -1])
    def test_all_can_be_asked_for(self, shared, count):
        assert len(answer(shared("admin"), "configs/conf-macros", count=count)["entry"]) == 41

    def test_entries_can_be_sorted(self, shared):
        names = [
            each["name"]
            for each in answer(shared("admin"), "configs/conf-macros", count=3, sort_key="definition", sort_dir="desc")[
                "entry"
            ]
        ]
        definitions = {"m%d" % number: number % 3 for number in range(40)}
        assert [definitions[name] for name in names] == [2, 2, 2]

    def test_entries_can_be_searched(self, shared):
        def named(search):
            return [each["name"] for each in answer(shared("admin"), "configs/conf-macros", search=search)["entry"]]

        assert named("name=m1*") == ["m1", *("m%d" % number for number in range(10, 20))]
        assert named("secret") == ["secret"]
        assert named("nothing like it") == []

    def test_fields_can_be_chosen(self, shared):
        found = answer(shared("admin"), "configs/conf-macros", f="definition")
        assert all(list(each["content"]) == ["definition"] for each in found["entry"])

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [("count", "many", "many"), ("sort_mode", "magic", "magic"), ("color", "red", "color")],
    )
    def test_errors_in_arguments_are_explained(self, shared, name, value, said):
        with pytest.raises(HTTPError, match=said):
            answer(shared("admin"), "configs/conf-macros", **{name: value})


class TestWhatTheSdkTests:
    """What splunk-sdk-python's own integration tests (test_macro, test_conf) show about a real Splunk."""

    def test_iseval_is_stored_as_0_or_1(self, splunkd):
        service = connect(splunkd, app="search", owner="nobody")
        for said, kept in (("True", "1"), ("false", "0"), ("1", "1")):
            service.post("configs/conf-macros", name="m" + said, definition="1", iseval=said)
            (entry,) = answer(service, "configs/conf-macros/m" + said)["entry"]
            assert entry["content"]["iseval"] == kept
        assert refusal(service.post, "configs/conf-macros/m1", iseval="perhaps")[0] == 400

    def test_a_name_can_match_several_objects(self, splunkd):
        for owner in ("nobody", "admin"):
            connect(splunkd, app="search", owner=owner).post("configs/conf-macros", name="m", definition=owner)
        found = answer(connect(splunkd, app="-", owner="-"), "configs/conf-macros/m")["entry"]
        assert sorted(entry["content"]["definition"] for entry in found) == ["admin", "nobody"]

    def test_a_file_can_be_made_without_a_stanza(self, splunkd):
        confs = connect(splunkd, app="search", owner="nobody").confs
        confs.create("fresh")
        assert "fresh" in confs and confs["fresh"].list() == []

    def test_nobody_may_be_named_as_a_reader(self, splunkd):
        service = connect(splunkd, app="search", owner="nobody")
        search = service.saved_searches.create("s", "| makeresults")
        search.acl_update(sharing="app", owner="nobody", **{"perms.read": "admin, nobody"})
        assert search.refresh().access["perms"]["read"] == ["admin", "nobody"]
