"""The calls to splunkd in the pages' modules: (method, path), with * for what is put into a path.

post(path`saved/searches/${name}`)   ("POST", "saved/searches/*")
get(INPUTS)                          ("GET", "data/inputs/usersignups"), where INPUTS is a constant of a module
"""

import re
from pathlib import Path
from typing import Dict, Iterator, Set, Tuple

from tests.conftest import ROOT

FOLDER = ROOT / "app/appserver/static"
_METHODS = {"get": "GET", "content": "GET", "post": "POST", "postJson": "POST", "remove": "DELETE"}
_CALL = re.compile(
    r"(?<![\w.])(get|content|post|postJson|remove)\("
    r'\s*(?:"(?P<text>[^"]+)"|path`(?P<template>[^`]+)`|(?P<constant>[A-Z_]+)\b|(?P<rest>.{0,40}))'
)
_CONSTANT = re.compile(r'^(?:export )?const ([A-Z_]+) = "([^"]+)";', re.MULTILINE)
_OWN = "where, "
"""The arguments of the functions of splunkd.js that make the calls themselves."""


def modules(folder: Path = FOLDER) -> Dict[str, str]:
    """The texts of all modules, by their path in the folder."""
    return {
        file.relative_to(folder).as_posix(): file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*.js"))
    }


def calls(folder: Path = FOLDER) -> Set[Tuple[str, str]]:
    """The calls. Raises ValueError if the path of a call cannot be read from the text."""
    return {call for name, text in modules(folder).items() for call in _calls(name, text)}


def _calls(name: str, text: str) -> Iterator[Tuple[str, str]]:
    constants = dict(_CONSTANT.findall(text))
    for call in _CALL.finditer(text):
        function, where = call[1], call["text"] or call["template"] or constants.get(call["constant"])
        if where:
            yield _METHODS[function], re.sub(r"\$\{[^}]*\}", "*", where)
        elif name != "common/splunkd.js" or not call["rest"].startswith(_OWN):
            raise ValueError("%s: what does %s ask for?" % (name, call[0]))
