"""The XML that modular inputs and splunkd exchange.

Splunk's "Define a scheme for introspection", "Read XML configuration from splunkd", "Set up streaming".
"""

from typing import Dict, Iterator, List, NamedTuple, Optional
from xml.etree import ElementTree

from ..stores.conf import is_true
from ..values import SplError


class Argument(NamedTuple):
    name: str
    title: str
    description: str
    data_type: str
    required_on_create: bool
    required_on_edit: bool


class Scheme(NamedTuple):
    """An input's description of itself when asked for its --scheme."""

    title: str
    description: str
    use_external_validation: bool
    use_single_instance: bool
    args: List[Argument]


class Stanza(NamedTuple):
    """An input as its run is told about it. `name` is kind://name; for a validation, only the name."""

    name: str
    app: str
    parameters: Dict[str, str]


class StreamedEvent(NamedTuple):
    """Text from an input's output, one event if it `is_whole`. None stands for what the element did not say."""

    data: str
    is_whole: bool
    seconds: Optional[float]
    index: Optional[str]
    host: Optional[str]
    source: Optional[str]
    sourcetype: Optional[str]


def parse(xml: str) -> Scheme:
    """Reads a scheme.

    Raises:
        SplError: it is not a scheme, or is of a kind that is not known here.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise SplError("the scheme is not XML: %s" % error) from None
    if root.tag != "scheme" or not root.findtext("title"):
        raise SplError("the scheme lacks <scheme> or its <title>")
    if root.findtext("streaming_mode", "simple") != "xml":
        raise SplError("<streaming_mode> other than xml is not known here")
    if _flag(root, "use_single_instance", False):
        raise SplError("<use_single_instance> is not known here")
    return Scheme(
        root.findtext("title"),
        root.findtext("description", ""),
        _flag(root, "use_external_validation", False),
        use_single_instance=False,
        args=[_argument(element) for element in root.iterfind("endpoint/args/arg")],
    )


def _argument(element: ElementTree.Element) -> Argument:
    name, data_type = element.get("name", ""), element.findtext("data_type", "string")
    if data_type not in ("string", "number", "boolean"):
        raise SplError("the argument '%s' has an unknown type: %s" % (name, data_type))
    if element.findtext("validation"):
        raise SplError("<validation> of the argument '%s' is not known here" % name)
    return Argument(
        name,
        element.findtext("title", name),
        element.findtext("description", ""),
        data_type,
        _flag(element, "required_on_create", True),
        _flag(element, "required_on_edit", False),
    )


def _flag(element: ElementTree.Element, name: str, default: bool) -> bool:
    text = element.findtext(name)
    return default if text is None else is_true(text)


def configuration(metadata: Dict[str, str], stanza: Stanza) -> bytes:
    """What a run gets on its stdin."""
    root = _with_metadata("input", metadata)
    element = ElementTree.SubElement(
        ElementTree.SubElement(root, "configuration"), "stanza", name=stanza.name, app=stanza.app
    )
    return _finished(root, element, stanza)


def items(metadata: Dict[str, str], stanza: Stanza) -> bytes:
    """What a validation gets on its stdin."""
    root = _with_metadata("items", metadata)
    return _finished(root, ElementTree.SubElement(root, "item", name=stanza.name), stanza)


def _with_metadata(tag: str, metadata: Dict[str, str]) -> ElementTree.Element:
    root = ElementTree.Element(tag)
    for name, value in metadata.items():
        ElementTree.SubElement(root, name).text = value
    return root


def _finished(root: ElementTree.Element, element: ElementTree.Element, stanza: Stanza) -> bytes:
    for name, value in stanza.parameters.items():
        ElementTree.SubElement(element, "param", name=name).text = value
    return ElementTree.tostring(root, encoding="UTF-8")


def error_message(output: str) -> str:
    """The message of a failed validation; empty if there is none."""
    try:
        return ElementTree.fromstring(output).findtext("message", "").strip()
    except ElementTree.ParseError:
        return ""


class Stream:
    """Reads <stream> as it arrives.

    Raises (from feed and close):
        SplError: it is not such XML.
    """

    def __init__(self) -> None:
        self._parser = ElementTree.XMLPullParser(["start", "end"])
        self._depth = 0
        self._is_empty = True

    def feed(self, data: bytes) -> Iterator[StreamedEvent]:
        self._is_empty = self._is_empty and not data
        try:
            self._parser.feed(data)
            yield from self._complete()
        except ElementTree.ParseError as error:
            raise SplError("Failed to parse the output as <stream>: %s" % error) from None

    def close(self) -> None:
        """Ends the stream. An input may well write nothing at all."""
        if self._is_empty:
            return
        try:
            self._parser.close()
        except ElementTree.ParseError as error:
            raise SplError("Failed to parse the output as <stream>: %s" % error) from None

    def _complete(self) -> Iterator[StreamedEvent]:
        for step, element in self._parser.read_events():
            self._depth += 1 if step == "start" else -1
            if step == "start" and self._depth == 1 and element.tag != "stream":
                raise SplError("The output begins with <%s>, not with <stream>." % element.tag)
            if step == "end" and self._depth == 1:
                yield _event(element)
                element.clear()


def _event(element: ElementTree.Element) -> StreamedEvent:
    if element.tag != "event":
        raise SplError("<%s> in <stream> is not known here." % element.tag)
    is_whole = is_true(element.get("unbroken", "0"))
    if is_whole and element.find("done") is None:
        raise SplError('<event unbroken="1"> without <done/>, an event in parts, is not known here.')
    time = element.findtext("time")
    try:
        seconds = float(time) if time else None
    except ValueError:
        raise SplError("<time> is not a number of seconds: %s" % time) from None
    return StreamedEvent(
        element.findtext("data", ""),
        is_whole,
        seconds,
        *(element.findtext(name) for name in ("index", "host", "source", "sourcetype")),
    )
