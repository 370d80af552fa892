"""The form of "Send to Segment", and how it turns an alert's results into rows for segmentsend; pure.

| field of the form | becomes |
|---|---|
| type | `type` |
| event name | `event` of a track, `name` of a page or a screen |
| user | `userId` |
| each line of properties | a column such as `properties.amount:number`, or `traits.plan` |

A text may contain fields of the results, such as $result.user$. This module fills in each row's own values, because
splunkd would fill in the first row's everywhere. A text that is just one field gets all of that field's values.

The form also passes on some fields of the results unchanged: ids that it does not ask for, the time, and where Splunk
has the event.
"""

import re
from dataclasses import dataclass
from typing import Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

from segment_bridge.delivery.columns import TYPES as COLUMN_TYPES
from segment_bridge.delivery.messages import TYPES
from segment_bridge.delivery.options import destination_name
from segment_bridge.errors import SettingsError
from segment_bridge.settings import boolean, one_of, parse, setting

TOKENS = ("name", "app", "owner", "results_link", "job.sid")
"""The alert's own tokens that texts may use: $name$, ..., as Splunk's manuals call them."""
_TOKEN = re.compile(r"\$(result\.[^$]+|[A-Za-z_][\w.]*)\$")
_OWN = ("anonymousId", "groupId", "previousId", "messageId", "_time", "_bkt", "_cd")
_EVENT = {"track": "event", "page": "name", "screen": "name"}
_OBJECT = {"track": "properties", "page": "properties", "screen": "properties", "identify": "traits", "group": "traits"}
_LINE = re.compile(r"([^=:$\s][^=:$]*?)\s*(?::\s*(\w+)\s*)?(?:=\s*(.*))?")
_WHERE = "Send to Segment:"


@dataclass(frozen=True)
class Choices:
    """The choices in the form that apply to all rows."""

    destination: str = setting("segment", destination_name)
    type: str = setting("track", one_of(*TYPES))
    rows: str = setting("all", one_of("all", "first"))
    dryrun: bool = setting(False, boolean)


class _Part(NamedTuple):
    text: str
    is_field: bool


_Text = Sequence[_Part]


class Form:
    """The form, filled in.

    Args:
        params: its texts, by name; see README/alert_actions.conf.spec.
        tokens: the values of TOKENS for this alert.

    Raises:
        SettingsError: the form is wrong; the text says where.
    """

    def __init__(self, params: Mapping[str, str], tokens: Mapping[str, str]):
        self.choices = parse(Choices, _WHERE, params)
        kind = self.choices.type
        texts = {"type": kind, "userId": params.get("user", "")}
        if kind in _EVENT:
            texts[_EVENT[kind]] = params.get("event", "")
        if kind == "track" and not texts["event"].strip():
            raise SettingsError("%s a track event needs an event name" % _WHERE)
        texts.update(_properties(kind, params.get("properties", "")))
        self._texts = {column: _parts(text, tokens) for column, text in texts.items()}

    @property
    def fields(self) -> Set[str]:
        """The fields of the results that the form uses."""
        return {part.text for text in self._texts.values() for part in text if part.is_field}

    def header(self, results: Sequence[str]) -> List[str]:
        """The columns of the rows that the form makes from results with these columns."""
        return [name for name, _ in self._columns(results)]

    def rows(self, results: Sequence[str], rows: Sequence[Sequence[str]]) -> List[Sequence[str]]:
        """The cells of those columns, column by column, for these rows of the results."""
        place = {name: position for position, name in enumerate(results)}
        made: List[Sequence[str]] = []
        for _, text in self._columns(results):
            if len(text) == 1 and not text[0].is_field:
                made.append([text[0].text] * len(rows))
                continue
            parts = [(part.text, place.get(part.text) if part.is_field else None, part.is_field) for part in text]
            made.append(
                [
                    "".join(
                        literal if not is_field else row[position] if position is not None else ""
                        for literal, position, is_field in parts
                    )
                    for row in rows
                ]
            )
        return made

    def _columns(self, results: Sequence[str]) -> List[Tuple[str, _Text]]:
        """Each column with its text; and if that is just one field, also its __mv_ twin, which holds several values."""
        columns: Dict[str, _Text] = dict(self._texts)
        columns.update((name, [_Part(name, True)]) for name in _OWN if name in results)
        twins = {
            "__mv_" + name: [_Part("__mv_" + text[0].text, True)]
            for name, text in columns.items()
            if len(text) == 1 and text[0].is_field and "__mv_" + text[0].text in results
        }
        return [*columns.items(), *twins.items()]


def _properties(kind: str, lines: str) -> Dict[str, str]:
    """The columns that these properties become, with their texts."""
    texts: Dict[str, str] = {}
    for line in filter(None, map(str.strip, lines.splitlines())):
        match = _LINE.fullmatch(line)
        if not match:
            raise SettingsError(
                '%s each line of properties must look like plan = $result.plan$, got "%s"' % (_WHERE, line[:80])
            )
        name, of_type, text = match.groups()
        if kind not in _OBJECT:
            raise SettingsError("%s an %s event has no properties" % (_WHERE, kind))
        if of_type is not None and of_type not in COLUMN_TYPES:
            raise SettingsError(
                '%s properties: the type of %s must be %s, got "%s"'
                % (_WHERE, name, " or ".join(COLUMN_TYPES), of_type[:40])
            )
        column = "%s.%s%s" % (_OBJECT[kind], name, ":" + of_type if of_type else "")
        if column in texts:
            raise SettingsError("%s properties has %s twice: remove one" % (_WHERE, name))
        texts[column] = "$result.%s$" % name if text is None else text
    return texts


def _parts(text: str, tokens: Mapping[str, str]) -> _Text:
    parts: List[_Part] = []
    place = 0
    text = text.strip()
    for match in _TOKEN.finditer(text):
        token = match.group(1)
        if token.startswith("result."):
            part = _Part(token[len("result.") :], True)
        elif token in TOKENS:
            part = _Part(tokens.get(token, ""), False)
        else:
            raise SettingsError(
                "%s $%s$ is not a known token; use $result.<field>$, %s"
                % (_WHERE, token[:40], ", ".join("$%s$" % each for each in TOKENS))
            )
        parts += [_Part(text[place : match.start()], False)] if match.start() > place else []
        parts.append(part)
        place = match.end()
    return [*parts, _Part(text[place:], False)] if place < len(text) or not parts else parts
