"""The capabilities that an endpoint requires: restmap.conf.spec, "capability" of its stanzas."""

import ast
import re
from typing import Collection, Dict, Iterator

from ..stores.conf import Settings, Stanza


def allows(required: str, held: Collection[str]) -> bool:
    """Whether these capabilities meet the requirement: names with "and", "or" and parentheses; "" requires nothing.

    Raises:
        ValueError: the requirement is not written like that.
    """
    if not required.strip():
        return True
    try:
        return _holds(ast.parse(required.strip(), mode="eval").body, held)
    except SyntaxError:
        raise ValueError("'%s' is not an expression of capabilities" % required) from None


def _holds(node: ast.AST, held: Collection[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in held
    if isinstance(node, ast.BoolOp):
        each = (_holds(value, held) for value in node.values)
        return all(each) if isinstance(node.op, ast.And) else any(each)
    raise ValueError("capabilities are joined with and, or")


def of_stanza(settings: Settings, method: str) -> str:
    """What a stanza of restmap.conf requires of a request with this method."""
    return settings.get("capability." + method.lower(), settings.get("capability", ""))


def shipped(stanzas: Dict[str, Stanza], path: str, method: str) -> Iterator[str]:
    """What Splunk's own restmap.conf requires for a path without its namespace. The longest matching stanza counts.

    [eai:conf-<file>] stanzas apply to configs/conf-<file>, and distinguish reading from writing.
    """
    matching = [
        stanza
        for name, stanza in stanzas.items()
        if not name.startswith("script:") and "match" in stanza.settings and re.match(stanza.settings["match"], path)
    ]
    for stanza in sorted(matching, key=lambda each: len(each.settings["match"]))[-1:]:
        yield of_stanza(stanza.settings, method)
    conf = re.match("/configs/(conf-[^/]+)", path)
    if conf and "eai:" + conf.group(1) in stanzas:
        right = "read" if method == "GET" else "write"
        yield stanzas["eai:" + conf.group(1)].settings.get("capability." + right, "")
