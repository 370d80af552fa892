"""The stand-in can parse every search that the app ships, and knows all that it uses."""

import json
import re
from pathlib import Path

import pytest
from ksconf.conf.parser import PARSECONF_STRICT_NC, parse_conf

from tests.standin.spl import run
from tests.standin.vectors.app import app_macros
from tests.standin.vectors.host import Host, Lookup

DEFAULT = Path(__file__).parents[3] / "default"


class PassedOn:
    """Stands in for an app's command: passes its rows on."""

    generating = False

    def run(self, arguments, chunks):
        return chunks


class AppHost(Host):
    """The app's macros and lookups, without data."""

    def __init__(self):
        fields = {
            name: [each.strip() for each in stanza["fields_list"].split(",")]
            if "fields_list" in stanza
            else (DEFAULT.parent / "lookups" / stanza["filename"]).read_text().splitlines()[0].split(",")
            for name, stanza in parse_conf(str(DEFAULT / "transforms.conf"), PARSECONF_STRICT_NC).items()
        }
        server = {"serverName": "sh1", "kvStoreStatus": "ready", "startup_time": "1600928786"}
        super().__init__(
            app_macros(),
            {name: Lookup(each, [], "kvstore") for name, each in fields.items()},
            rest={
                "/services/server/info": [server],
                "/servicesNS/nobody/segment_bridge/saved/searches": [],
                "/servicesNS/nobody/segment_bridge/configs/conf-macros/segment_bridge_audit": [
                    {"definition": 'index="k8s_audit"'}
                ],
            },
        )

    def command(self, name):
        return PassedOn() if name in parse_conf(str(DEFAULT / "commands.conf"), PARSECONF_STRICT_NC) else None


def searches():
    for name, stanza in parse_conf(str(DEFAULT / "savedsearches.conf"), PARSECONF_STRICT_NC).items():
        if "search" in stanza:
            yield pytest.param(stanza["search"], id=name)
    for view in sorted((DEFAULT / "data/ui/views").glob("*.xml")):
        definition = re.search(r"<definition><!\[CDATA\[(.*?)\]\]></definition>", view.read_text("utf-8"), re.S)
        sources = json.loads(definition.group(1))["dataSources"] if definition else {}
        for name in sources:
            if "query" in whole_query(sources, name):
                yield pytest.param(whole_query(sources, name)["query"], id="%s-%s" % (view.stem, name))


def whole_query(sources, name):
    """A data source's options, preceded by the queries of those that it extends."""
    options = sources[name]["options"]
    if "extend" not in options:
        return options
    return {"query": whole_query(sources, options["extend"])["query"] + "\n" + options["query"]}


@pytest.mark.parametrize("search", searches())
def test_search_can_be_parsed_and_runs_without_data(search):
    plain = search if search.lstrip().startswith("|") else "search " + search
    tokens = re.sub(r"\$[\w.:|]+\$", "0", plain)  # a dashboard's tokens
    assert run(tokens, AppHost()).fields is not None
