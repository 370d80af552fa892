"""Rules for arguments: restmap.conf.spec, [validation:<handler-name>], Splunk's own and those of apps.

A rule is an eval expression over the arguments. Whether splunkd applies it to an empty argument is not documented; here
it does.
"""

import re
from typing import Mapping

from ..refusal import Refusal
from ..spl.expressions import of_any_search
from ..stores.conf import Confs
from ..values import SplError

_IS_BOOL = re.compile(r"is_bool\(('[^']*')\)")
_BOOL = r'match(\1, "(?i)^(0|1|t|f|true|false|y|n|yes|no|on|off)$")'


def check(confs: Confs, handlers: tuple, given: Mapping[str, str]) -> None:
    """Checks the arguments against the rules.

    Raises:
        Refusal: in the rule's words, if it has any.
    """
    stanzas = confs.stanzas("restmap")
    rules = {
        key: rule
        for handler in handlers
        if "validation:" + handler in stanzas
        for key, rule in stanzas["validation:" + handler].settings.items()
    }
    for key in given:
        if key in rules:
            _apply(key, rules[key], given)


def _apply(key: str, rule: str, given: Mapping[str, str]) -> None:
    try:
        verdict = of_any_search(_IS_BOOL.sub(_BOOL, rule))(given)
    except SplError as error:
        raise Refusal(501, "restmap.conf: the rule for %s is not known here: %s" % (key, error)) from None
    if isinstance(verdict, str) or verdict is False:
        raise Refusal(400, verdict or "The value of the argument '%s' is not valid." % key)
