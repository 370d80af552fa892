"""The eval functions: name -> how many arguments and what they do. Search Reference, "Evaluation functions"."""
import hashlib
import json
import math
import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ..values import SplError, as_list, from_list, number, text
from .expressions import Evaluate, order, truth


class Function(NamedTuple):
    low: int
    high: float
    build: Callable[[List[Evaluate]], Evaluate]


FUNCTIONS: Dict[str, Function] = {}


def call(name: str, arguments: List[Evaluate]) -> Evaluate:
    function = FUNCTIONS.get(name.lower())
    if function is None:
        raise SplError("The '%s' function is unsupported or undefined." % name)
    if not function.low <= len(arguments) <= function.high:
        raise SplError("The arguments to the '%s' function are invalid." % name)
    return function.build(arguments)


def lazy(name: str, low: int, high: Optional[float] = None):
    """A function that is given its arguments unevaluated: (arguments) -> evaluate."""
    def register(build):
        FUNCTIONS[name] = Function(low, low if high is None else high, build)
        return build
    return register


def function(name: str, low: int, high: Optional[float] = None, nulls: bool = False):
    """A function of values; without `nulls` it is null where an argument is."""
    def register(implementation):
        def build(arguments):
            def evaluate(row):
                values = [argument(row) for argument in arguments]
                if not nulls and any(value is None for value in values):
                    return None
                return implementation(*values)
            return evaluate
        FUNCTIONS[name] = Function(low, low if high is None else high, build)
        return implementation
    return register


# Comparison and conditional


@lazy("case", 2, math.inf)
def _case(arguments):
    if len(arguments) % 2:
        raise SplError("The arguments to the 'case' function are invalid.")
    pairs = list(zip(arguments[::2], arguments[1::2]))

    def evaluate(row):
        for condition, value in pairs:
            if truth(condition(row)):
                return value(row)
        return None
    return evaluate


@lazy("if", 3)
def _if(arguments):
    condition, then, otherwise = arguments
    return lambda row: then(row) if truth(condition(row)) else otherwise(row)


@lazy("coalesce", 1, math.inf)
def _coalesce(arguments):
    def evaluate(row):
        for argument in arguments:
            value = argument(row)
            if value is not None:
                return value
        return None
    return evaluate


@lazy("null", 0)
def _null(arguments):
    return lambda row: None


@lazy("true", 0)
def _true(arguments):
    return lambda row: True


@lazy("false", 0)
def _false(arguments):
    return lambda row: False


@function("isnull", 1, nulls=True)
def _isnull(value):
    return value is None


@function("isnotnull", 1, nulls=True)
def _isnotnull(value):
    return value is not None


@function("in", 2, math.inf)
def _in(value, *choices):
    return any(order(one, choice) == 0 for one in as_list(value) for choice in choices)


@function("like", 2)
def _like(value, pattern):
    expression = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in text(pattern))
    return any(re.fullmatch(expression, text(one), re.S) is not None for one in as_list(value))


@lru_cache(maxsize=1000)
def _pattern(source):
    return re.compile(re.sub(r"\(\?<([A-Za-z_]\w*)>", r"(?P<\1>", source).replace("\\z", "\\Z"))


@function("match", 2)
def _match(value, pattern):
    return any(_pattern(text(pattern)).search(text(one)) is not None for one in as_list(value))


@function("replace", 3)
def _replace(value, pattern, replacement):
    with_ = re.sub(r"\\(\d)", r"\\g<\1>", text(replacement))
    return from_list([_pattern(text(pattern)).sub(with_, text(one)) for one in as_list(value)])


# JSON


class Number(str):
    """A JSON number as it is written."""


@lru_cache(maxsize=64)
def parsed(source: str):
    """The JSON value, or an exception that is a ValueError."""
    def constant(name):
        raise ValueError(name)
    return json.loads(source, parse_int=Number, parse_float=Number, parse_constant=constant)


def dumped(value) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + dumped(v) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumped, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def native(value: Any) -> Any:
    """What an eval field can hold of a JSON value: null and missing are null, objects and arrays their compact text."""
    if value is None:
        return None
    if isinstance(value, Number):
        return number(str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return dumped(value)
    return value


_STEP = re.compile(r"([^.{}]+)|\{(\d*)\}|\.")


def at_path(value: Any, path: str) -> Any:
    """The value at a path such as a.b{0}.c or a{}.b; with {} a list of all that there are. A key holds no dot."""
    steps = []
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if not step:
            return None
        position = step.end()
        if step.group(1) is not None:
            steps.append(step.group(1))
        elif step.group(2) is not None:
            steps.append(int(step.group(2)) if step.group(2) else None)
    return _walk(value, steps)


def _walk(value: Any, steps: list) -> Any:
    for index, step in enumerate(steps):
        if step is None:
            if not isinstance(value, list):
                return None
            found = [_walk(element, steps[index + 1:]) for element in value]
            return [element for element in found if element is not None]
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            return None
    return value


def _json(value: Any) -> Any:
    """The JSON value of a text, or None where it is none."""
    if value is None or isinstance(value, list):
        return None
    try:
        return parsed(text(value))
    except ValueError:
        return None


@function("json_extract", 1, math.inf)
def _json_extract(source, *paths):
    value = _json(source)
    if not paths:
        return native(value)
    found = [at_path(value, text(path)) for path in paths]
    return native(found[0]) if len(found) == 1 else dumped(found)


@function("json_extract_exact", 1, math.inf)
def _json_extract_exact(source, *keys):
    value = _json(source)
    if not keys:
        return native(value)
    found = [value.get(text(key)) if isinstance(value, dict) else None for key in keys]
    return native(found[0]) if len(found) == 1 else dumped(found)


@function("json_valid", 1)
def _json_valid(source):
    try:
        parsed(text(source))
    except ValueError:
        return False
    return True


@function("json_keys", 1)
def _json_keys(source):
    value = _json(source)
    return dumped(list(value)) if isinstance(value, dict) else None


@function("json_array_to_mv", 1, 2)
def _json_array_to_mv(source, quoted=False):
    value = _json(source)
    if not isinstance(value, list):
        return None
    return from_list([dumped(each) if isinstance(each, (dict, list)) or (quoted and isinstance(each, str)) else native(each)
                      for each in value if each is not None])


def _jsonable(value: Any) -> Any:
    """A value as json_object and json_array take it: what looks like a number or a container becomes one."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, list):
        return [_jsonable(each) for each in value]
    if isinstance(value, (int, float)):
        return Number(text(value))
    try:
        found = parsed(value)
    except ValueError:
        return value
    return found if isinstance(found, (Number, dict, list)) else value


@function("json_object", 0, math.inf, nulls=True)
def _json_object(*members):
    if len(members) % 2:
        raise SplError("The arguments to the 'json_object' function are invalid.")
    return dumped({text(key): _jsonable(value) for key, value in zip(members[::2], members[1::2])})


@function("json_array", 0, math.inf, nulls=True)
def _json_array(*elements):
    return dumped([_jsonable(element) for element in elements])


# Multivalue


@function("mvappend", 1, math.inf, nulls=True)
def _mvappend(*values):
    return from_list([each for value in values for each in as_list(value)])


@function("mvcount", 1)
def _mvcount(value):
    return len(as_list(value))


@function("mvindex", 2, 3)
def _mvindex(value, start, end=None):
    values = as_list(value)
    low = int(number(start))
    if end is None:
        return values[low] if -len(values) <= low < len(values) else None
    high = int(number(end))
    low, high = (index + len(values) if index < 0 else index for index in (low, high))
    return from_list(values[low:high + 1]) if 0 <= low <= high else None


@function("mvjoin", 2)
def _mvjoin(value, delimiter):
    return text(delimiter).join(map(text, as_list(value)))


@function("mvfind", 2)
def _mvfind(value, pattern):
    return next((index for index, each in enumerate(as_list(value)) if _pattern(text(pattern)).search(text(each))), None)


@function("mvdedup", 1)
def _mvdedup(value):
    return from_list(list(dict.fromkeys(as_list(value))))


@function("mvsort", 1)
def _mvsort(value):
    return from_list(sorted(map(text, as_list(value))))


@function("split", 2)
def _split(value, delimiter):
    return from_list(text(value).split(text(delimiter)) if text(delimiter) else list(text(value)))


def _per_value(name, arguments):
    field = getattr(arguments[0], "field", None)
    if field is None:
        raise SplError("The arguments to the '%s' function are invalid." % name)
    return field


@lazy("mvmap", 2)
def _mvmap(arguments):
    source, expression = arguments
    field = _per_value("mvmap", arguments)

    def evaluate(row):
        values = as_list(source(row))
        mapped = [expression({**row, field: value}) for value in values]
        return from_list([each for value in mapped for each in as_list(value)])
    return evaluate


# Text and conversion


@function("lower", 1)
def _lower(value):
    return text(value).lower()


@function("upper", 1)
def _upper(value):
    return text(value).upper()


@function("len", 1)
def _len(value):
    return len(text(value))


@function("trim", 1, 2)
def _trim(value, characters=" \t"):
    return text(value).strip(text(characters))


@function("substr", 2, 3)
def _substr(value, start, length=None):
    source, begin = text(value), int(number(start))
    begin = begin - 1 if begin > 0 else max(len(source) + begin, 0)
    return source[begin:] if length is None else source[begin:begin + int(number(length))]


@function("tonumber", 1, 2)
def _tonumber(value, base=10):
    try:
        return number(value) if base == 10 else int(text(value), int(base))
    except ValueError:
        return None


@function("tostring", 1, 2)
def _tostring(value, style=None):
    if isinstance(value, bool):
        return "True" if value else "False"
    if style is None:
        return text(value)
    if style == "commas":
        return format(round(number(value), 2), ",")
    if style == "hex":
        return "0x%X" % int(number(value))
    if style == "duration":
        seconds = int(number(value))
        days, rest = divmod(seconds, 86400)
        return ("%d+" % days if days else "") + "%02d:%02d:%02d" % (rest // 3600, rest // 60 % 60, rest % 60)
    raise SplError("The arguments to the 'tostring' function are invalid.")


@function("md5", 1)
def _md5(value):
    return hashlib.md5(text(value).encode()).hexdigest()


@function("sha1", 1)
def _sha1(value):
    return hashlib.sha1(text(value).encode()).hexdigest()


@function("sha256", 1)
def _sha256(value):
    return hashlib.sha256(text(value).encode()).hexdigest()


# Informational and mathematical


@lazy("now", 0)
def _now(arguments):
    raise SplError("The 'now' function is not known here.")


@function("isnum", 1)
def _isnum(value):
    return number(value) is not None


@function("isstr", 1)
def _isstr(value):
    return number(value) is None


@function("round", 1, 2)
def _round(value, digits=0):
    amount = number(value)
    if amount is None:
        return None
    rounded = Decimal(repr(amount)).quantize(Decimal(1).scaleb(-int(number(digits))), ROUND_HALF_UP)
    return int(rounded) if not digits else float(rounded)


@function("floor", 1)
def _floor(value):
    return None if number(value) is None else math.floor(number(value))


@function("ceiling", 1)
def _ceiling(value):
    return None if number(value) is None else math.ceil(number(value))


@function("abs", 1)
def _abs(value):
    return None if number(value) is None else abs(number(value))


@function("min", 1, math.inf)
def _min(*values):
    return min((each for value in values for each in as_list(value)), key=_extreme)


@function("max", 1, math.inf)
def _max(*values):
    return max((each for value in values for each in as_list(value)), key=_extreme)


def _extreme(value):
    amount = number(value)
    return (1, text(value)) if amount is None else (0, amount)
