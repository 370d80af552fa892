"""Inputs over REST: collector tokens, and a modular input that an app brings."""

import json

import pytest

from tests.standin.clients import connect, package, refusal

SCRIPT = '''
import sys
from xml.etree import ElementTree

SCHEME = """<scheme><title>Echo</title><use_external_validation>true</use_external_validation>
<streaming_mode>xml</streaming_mode><use_single_instance>false</use_single_instance><endpoint><args>
<arg name="word"><title>Word</title><required_on_create>true</required_on_create></arg>
<arg name="loud"><data_type>boolean</data_type><required_on_create>false</required_on_create></arg>
</args></endpoint></scheme>"""

if sys.argv[1:] == ["--scheme"]:
    print(SCHEME)
elif sys.argv[1:] == ["--validate-arguments"]:
    found = {each.get("name"): each.text for each in ElementTree.parse(sys.stdin).iter("param")}
    if found["word"] == "bad":
        print("<error><message>%s is a bad word, loud=%s</message></error>" % (found["word"], found.get("loud")))
        sys.exit(1)
'''
FILES = {
    "bin/echo.py": SCRIPT,
    "README/inputs.conf.spec": "[echo://<name>]\nword = <string>\nloud = <boolean>\n",
    "default/authorize.conf": "[role_admin]\nedit_modinput_echo = enabled\n",
    "default/inputs.conf": "[echo]\npython.version = python3\npython.required = 3.9,3.13\ninterval = 900\nloud = 1\n",
}


@pytest.fixture
def service(splunkd, tmp_path):
    splunkd.install(package(tmp_path, "one", FILES), False)
    return connect(splunkd, app="one", owner="nobody")


@pytest.fixture
def echo(service):
    return service.inputs.create("a", "echo", word="hello", disabled="1")


class TestModularInputs:
    def test_the_kinds_are_those_of_splunk_and_of_the_apps(self, service):
        assert service.inputs.kinds == ["echo", "http"]

    def test_a_kind_describes_itself(self, service):
        kind = service.modular_input_kinds["echo"]
        assert kind["title"] == "Echo"
        assert kind.arguments["word"]["required_on_create"] == "1"
        assert kind.arguments["loud"]["data_type"] == "boolean"

    def test_a_new_input_has_its_own_settings_and_those_of_its_kind(self, service, echo):
        assert (echo["word"], echo["interval"], echo["loud"], echo["disabled"]) == ("hello", "900", "1", "1")
        assert (echo["index"], echo.access.app, echo.access.sharing) == ("default", "one", "app")
        assert [each.name for each in service.inputs.list("echo")] == ["a"]

    def test_it_is_changed_enabled_disabled_and_deleted(self, service, echo):
        echo.update(word="bye")
        assert echo.refresh()["word"] == "bye"
        echo.enable()
        assert echo.refresh()["disabled"] == "0"
        echo.disable()
        assert echo.refresh()["disabled"] == "1"
        service.inputs.delete("a", "echo")
        assert service.inputs.list("echo") == []

    def test_its_stanza_is_in_the_apps_local_folder(self, splunkd, echo):
        assert (splunkd.etc / "apps" / "one" / "local" / "inputs.conf").read_text().startswith("[echo://a]\n")

    def test_the_scripts_objection_is_the_answer(self, service):
        status, text = refusal(service.inputs.create, "b", "echo", word="bad")
        assert status == 400
        assert "bad is a bad word, loud=1" in text
        assert service.inputs.list("echo") == []

    def test_the_scripts_objection_to_a_change_is_the_answer(self, service, echo):
        assert "bad is a bad word" in refusal(echo.update, word="bad")[1]
        assert echo.refresh()["word"] == "hello"

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({}, "required arguments are missing: word"),
            ({"word": ""}, "required arguments are missing: word"),
            ({"word": "x", "color": "red"}, 'Argument "color" is not supported'),
            ({"word": "x", "loud": "very"}, "loud"),
            ({"word": "x", "disabled": "no way"}, "disabled"),
            ({"word": "x", "index": "none"}, "none"),
            ({"word": "x", "interval": "soon"}, "soon"),
        ],
    )
    def test_errors_are_explained(self, service, settings, said):
        status, text = refusal(service.inputs.create, "b", "echo", **settings)
        assert (status, said in text) == (400, True), text
        assert service.inputs.list("echo") == []

    def test_a_duplicate_name_is_409_and_an_unknown_one_404(self, service, echo):
        assert refusal(service.inputs.create, "a", "echo", word="x")[0] == 409
        assert refusal(service.post, "data/inputs/echo/none", word="x")[0] == 404
        assert refusal(service.post, "data/inputs/none", name="x")[0] == 404
        assert refusal(service.post, "data/inputs/echo/a/explode")[0] == 404

    def test_changing_an_input_requires_the_capability_of_its_kind(self, splunkd, echo):
        service = connect(splunkd, "power", "one", "nobody")
        for call, path in (
            (service.post, "data/inputs/echo/a"),
            (service.post, "data/inputs/echo/a/enable"),
            (service.delete, "data/inputs/echo/a"),
            (service.post, "data/inputs/echo"),
        ):
            status, text = refusal(call, path, name="x") if path.endswith("echo") else refusal(call, path)
            assert (status, "requires capability: edit_modinput_echo" in text) == (403, True)

    def test_whoever_may_list_inputs_sees_them(self, splunkd, echo):
        assert connect(splunkd, "user", "one", "nobody").get("data/inputs/echo").status == 200
        assert refusal(connect(splunkd, "can_delete", "one", "nobody").get, "data/inputs/echo")[0] == 403


class TestTokens:
    def test_a_token_is_created_and_found_by_its_full_name(self, service):
        service.post("data/inputs/http", name="t", index="main", sourcetype="st")
        reply = json.loads(service.get("data/inputs/http/http%3A%2F%2Ft", output_mode="json").body.read())
        (entry,) = reply["entry"]
        assert entry["name"] == "http://t"
        assert entry["links"]["edit"] == "/servicesNS/nobody/one/data/inputs/http/http%3A%252F%252Ft"
        assert len(entry["content"]["token"].split("-")) == 5
        assert (entry["content"]["index"], entry["content"]["sourcetype"], entry["content"]["disabled"]) == (
            "main",
            "st",
            False,
        )

    def test_two_tokens_have_different_values(self, service):
        tokens = {service.inputs.create(name, "http")["token"] for name in ("a", "b")}
        assert len(tokens) == 2

    def test_it_is_changed_disabled_and_deleted(self, service):
        token = service.inputs.create("t", "http")
        token.update(sourcetype="other", disabled="1")
        assert (token.refresh()["sourcetype"], token["disabled"]) == ("other", "1")
        token.enable()
        assert token.refresh()["disabled"] == "0"
        service.inputs.delete("http://t", "http")
        assert service.inputs.list("http") == []

    @pytest.mark.parametrize(
        ("settings", "status", "said"),
        [
            ({"index": "none"}, 400, "none"),
            ({"indexes": "main,none"}, 400, "none"),
            ({"token": "short"}, 400, "short"),
            ({"disabled": "maybe"}, 400, "disabled"),
            ({"useACK": "1"}, 400, "useACK"),
        ],
    )
    def test_errors_are_explained(self, service, settings, status, said):
        assert refusal(service.post, "data/inputs/http", name="t", **settings)[0] == status
        assert said in refusal(service.post, "data/inputs/http", name="t", **settings)[1]

    def test_a_token_value_cannot_be_given_twice(self, service):
        value = service.inputs.create("a", "http")["token"]
        assert refusal(service.post, "data/inputs/http", name="b", token=value)[0] == 409
        assert refusal(service.post, "data/inputs/http", name="a")[0] == 409
