"""Which capabilities an endpoint asks for: restmap.conf.spec, "capability" of its stanzas."""

import ast
import re
from typing import Collection, Dict, Iterator

from ..stores.conf import Settings, Stanza


def allows(required: str, held: Collection[str]) -> bool:
    """Whether these are what is asked for: names with "and", "or" and parentheses; "" is nothing.

    Raises:
        ValueError: it is not written so.
    """
    if not required.strip():
        return True
    try:
        return _holds(ast.parse(required.strip(), mode="eval").body, held)
    except SyntaxError:
        raise ValueError("'%s' is no expression of capabilities" % required) from None


def _holds(node: ast.AST, held: Collection[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in held
    if isinstance(node, ast.BoolOp):
        each = (_holds(value, held) for value in node.values)
        return all(each) if isinstance(node.op, ast.And) else any(each)
    raise ValueError("capabilities are joined with and, or")


def of_stanza(settings: Settings, method: str) -> str:
    """What a stanza of restmap.conf asks of a request with this method."""
    return settings.get("capability." + method.lower(), settings.get("capability", ""))


def shipped(stanzas: Dict[str, Stanza], path: str, method: str) -> Iterator[str]:
    """What Splunk's own restmap.conf asks for a path without its namespace; of stanzas that match, the longest counts.

    [eai:conf-<file>] are about configs/conf-<file>, and tell reading from writing.
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
