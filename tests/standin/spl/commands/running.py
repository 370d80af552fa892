"""streamstats: statistics of the rows so far.

Relies on: Search Reference, "streamstats"; limits.conf, [stats] max_stream_window.
"""

import re
from collections import deque
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional, Tuple

from ...values import Results, Row
from ..registry import Arguments, Context, boolean, command, natural
from .calculation import compiled
from .spans import Days, Months, TimeSpan, time_span
from .statistics import Key, expand, read_terms
from .terms import Group, Term, groups_of, time_of

MAX_WINDOW = 10_000
# The manual writes reset_after="("<expression>")", people also write reset_after="(<expression>)" and reset_after=(<expression>).
_RESET = re.compile(
    r"""\b(reset_before|reset_after)\s*=\s*(?:
        "\("(?P<apart>(?:[^"\\]|\\.|"(?!\s*\)))*?)"?\)"      # "("...")"
      | "\((?P<together>(?:[^"\\]|\\.)*)\)"                   # "(...)"
      | (?P<bare>\((?:[^()"]|"(?:[^"\\]|\\.)*"|\((?:[^()"]|"(?:[^"\\]|\\.)*"|\([^()]*\))*\))*\)))""",
    re.X | re.S,
)
