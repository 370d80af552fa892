"""The dashboard's definition, and the results of its searches."""

import json
import xml.etree.ElementTree as ElementTree
from typing import Dict

from tests.conftest import ROOT
from tests.standin.values import Results
from tests.system.operations.site import Site

VIEW = ROOT / "default" / "data" / "ui" / "views" / "overview_light.xml"


def definition() -> dict:
    """The Dashboard Studio definition."""
    return json.loads(ElementTree.parse(VIEW).getroot().findtext("definition"))


def query(sources: dict, name: str) -> str:
    """A data source's whole search. In a chain, it follows the search that it extends."""
    source = sources[name]
    if source["type"] == "ds.chain":
        return query(sources, source["options"]["extend"]) + "\n" + source["options"]["query"]
    return source["options"]["query"]


def base(sources: dict, name: str) -> dict:
    """The data source at the beginning of a chain."""
    source = sources[name]
    return base(sources, source["options"]["extend"]) if source["type"] == "ds.chain" else source


def results(site: Site, earliest: float, latest: float, destination: str = "*") -> Dict[str, Results]:
    """What each data source returns at a site, with this time range and destination chosen."""
    shown = definition()
    sources = shown["dataSources"]
    chosen = {"$time.earliest$": earliest, "$time.latest$": latest}
    default = shown["defaults"]["dataSources"]["ds.search"]["options"]["queryParameters"]
    found = {}
    for name in sources:
        times = base(sources, name)["options"].get("queryParameters", default)
        bounds = [
            chosen[time] if time in chosen else site.clock.modified(time)
            for time in (times["earliest"], times["latest"])
        ]
        search = query(sources, name).replace("$destination|s$", '"%s"' % destination)
        found[name] = site.table(search if search.startswith("|") else "search " + search, *bounds)
    return found
