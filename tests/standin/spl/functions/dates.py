"""Date and time functions.

Relies on: Search Reference, "Date and Time functions".
"""

from ...values import Decimals, number, text
from ..timeformat import read, written
from .registry import lazy


def moment(seconds):
    """Epoch seconds, with the six decimals that splunkd gives them."""
    return Decimals.of(seconds, 6)


@lazy("now", 0, hosted=True)
def now(arguments, host):
    """The time of the search, the same for all rows."""
    seconds = int(host.clock.now())
    return lambda row: seconds


@lazy("time", 0, hosted=True, steady=False)
def time(arguments, host):
    return lambda row: moment(host.clock.now())


@lazy("relative_time", 2, hosted=True)
def relative_time(arguments, host):
    start, specifier = (argument.evaluate for argument in arguments)

    def moved(row):
        seconds, modifier = start(row), specifier(row)
        if number(seconds) is None or modifier is None:
            return None
        return moment(host.clock.modified(text(modifier), float(number(seconds))))

    return moved


@lazy("strftime", 2, hosted=True)
def strftime(arguments, host):
    time_, style = (argument.evaluate for argument in arguments)

    def shown(row):
        seconds, format_ = time_(row), style(row)
        amount = None if isinstance(seconds, list) else number(seconds)
        return None if amount is None or format_ is None else written(float(amount), text(format_), host.clock.zone)

    return shown


@lazy("strptime", 2, hosted=True)
def strptime(arguments, host):
    string, style = (argument.evaluate for argument in arguments)

    def parsed(row):
        source, format_ = string(row), style(row)
        if source is None or format_ is None or isinstance(source, list):
            return None
        seconds = read(text(source), text(format_), host.clock.zone, host.clock.now())
        return None if seconds is None else moment(seconds)

    return parsed
