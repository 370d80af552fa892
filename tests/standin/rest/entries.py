"""Answers of the REST API: Atom feeds of entries, their JSON form, and messages.

Splunk REST API User Manual, "Basic concepts", "Access Atom Feed responses", "Using output_mode=json".
"""

import json
from typing import Any, Collection, Dict, List, NamedTuple, Optional, Sequence
from urllib.parse import quote
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from werkzeug.wrappers import Response

from ..releases import Release

ATOM, SPLUNK_NS = "http://www.w3.org/2005/Atom", "http://dev.splunk.com/ns/rest"
_UPDATED = "1970-01-01T00:00:00+00:00"


class Entry(NamedTuple):
    """One object. `path` is that of its collection, without namespace. Values are texts, numbers, booleans, None, and
    lists and dicts of them. `read` and `write` are roles; `can_write` concerns the user who asks; `actions` are what
    else can be done with the object, at paths below its own.

    `sharing` is "user", "app", "global" or "system". A private object has its user in its namespace, all others
    "nobody".
    """

    path: str
    name: str
    content: Dict[str, Any]
    app: str = "system"
    owner: str = "nobody"
    sharing: str = "system"
    removable: bool = False
    read: Collection[str] = ("*",)
    write: Collection[str] = ("admin",)
    can_write: bool = True
    actions: Sequence[str] = ()
    updated: str = _UPDATED

    @property
    def href(self) -> str:
        """splunkd encodes a slash inside the name twice."""
        name = quote(quote(self.name, safe="").replace("%2F", "%252F"), safe="%")
        user = self.owner if self.sharing == "user" else "nobody"
        return "/servicesNS/%s/%s/%s/%s" % (quote(user), quote(self.app), self.path, name)

    def acl(self) -> Dict[str, Any]:
        is_private = self.sharing == "user"
        return {
            "app": self.app,
            "can_change_perms": self.can_write,
            "can_list": True,
            "can_share_app": self.can_write,
            "can_share_global": self.can_write,
            "can_share_user": is_private,
            "can_write": self.can_write,
            "modifiable": self.can_write,
            "owner": self.owner,
            "removable": self.removable and self.can_write,
            "sharing": self.sharing,
            "perms": None if is_private else {"read": sorted(self.read), "write": sorted(self.write)},
        }

    def links(self) -> Dict[str, str]:
        return {
            "alternate": self.href,
            "list": self.href,
            **({"edit": self.href} if self.can_write else {}),
            **({"remove": self.href} if self.removable and self.can_write else {}),
            **{action: "%s/%s" % (self.href, action) for action in self.actions},
        }

    def as_json(self, origin: str) -> Dict[str, Any]:
        return {
            "name": self.name,
            "id": origin + self.href,
            "updated": self.updated,
            "links": self.links(),
            "author": self.owner,
            "acl": self.acl(),
            "content": self.content,
        }

    def as_xml(self, origin: str, root: bool = False) -> str:
        links = "".join(
            "<link href=%s rel=%s/>" % (quoteattr(href), quoteattr(rel)) for rel, href in self.links().items()
        )
        content = {**self.content, "eai:acl": self.acl()}
        spaces = ' xmlns="%s" xmlns:s="%s"' % (ATOM, SPLUNK_NS) if root else ""
        return (
            "<entry%s><title>%s</title><id>%s</id><updated>%s</updated>%s<author><name>%s</name></author>"
            '<content type="text/xml">%s</content></entry>'
            % (
                spaces,
                escape(self.name),
                escape(origin + self.href),
                self.updated,
                links,
                escape(self.owner),
                _xml(content),
            )
        )


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        keys = ("<s:key name=%s>%s</s:key>" % (quoteattr(key), _xml(each)) for key, each in value.items())
        return "<s:dict>%s</s:dict>" % "".join(keys)
    if isinstance(value, (list, tuple)):
        return "<s:list>%s</s:list>" % "".join("<s:item>%s</s:item>" % _xml(each) for each in value)
    return escape(
        {None: "", True: "1", False: "0"}.get(value, str(value))
        if not isinstance(value, (int, float, str)) or isinstance(value, bool)
        else str(value)
    )


class Page(NamedTuple):
    """Which part of a collection a feed shows. `size` is the largest number of entries."""

    total: int
    size: int = 30
    offset: int = 0


def feed(
    entries: Sequence[Entry],
    path: str,
    origin: str,
    as_json: bool,
    release: Release,
    *,
    status: int = 200,
    page: Optional[Page] = None,
) -> Response:
    """`path` is the request's."""
    page = page or Page(len(entries))
    generator = {"build": release.build, "version": release.version}
    if as_json:
        return json_response(
            {
                "links": {},
                "origin": origin + path,
                "updated": _UPDATED,
                "generator": generator,
                "entry": [entry.as_json(origin) for entry in entries],
                "paging": {"total": page.total, "perPage": page.size, "offset": page.offset},
                "messages": [],
            },
            status,
        )
    body = (
        '<feed xmlns="%s" xmlns:s="%s" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"><title>%s</title>'
        "<id>%s</id><updated>%s</updated><generator build=%s version=%s/><author><name>Splunk</name></author>"
        "<opensearch:totalResults>%d</opensearch:totalResults><opensearch:itemsPerPage>%d</opensearch:itemsPerPage>"
        "<opensearch:startIndex>%d</opensearch:startIndex><s:messages/>%s</feed>"
        % (
            ATOM,
            SPLUNK_NS,
            escape(path.rsplit("/", 1)[-1]),
            escape(origin + path),
            _UPDATED,
            quoteattr(release.build),
            quoteattr(release.version),
            page.total,
            page.size,
            page.offset,
            "".join(entry.as_xml(origin) for entry in entries),
        )
    )
    return xml_response(body, status)


def messages(status: int, texts: List[tuple], as_json: bool) -> Response:
    """`texts` are (level, text) pairs."""
    if as_json:
        return json_response({"messages": [{"type": level, "text": text} for level, text in texts]}, status)
    response = ElementTree.Element("response")
    parent = ElementTree.SubElement(response, "messages")
    for level, text in texts:
        ElementTree.SubElement(parent, "msg", type=level).text = text
    return xml_response(ElementTree.tostring(response, encoding="unicode"), status)


def element(status: int, name: str, value: str, as_json: bool) -> Response:
    """The small answers of the form <response><sid>...</sid></response>."""
    if as_json:
        return json_response({name: value}, status)
    return xml_response("<response><%s>%s</%s></response>" % (name, escape(value), name), status)


def json_response(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, ensure_ascii=False), status, content_type="application/json; charset=UTF-8")


def xml_response(body: str, status: int = 200) -> Response:
    return Response('<?xml version="1.0" encoding="UTF-8"?>\n' + body, status, content_type="text/xml; charset=UTF-8")
