"""The modular inputs that apps bring, and how their programs answer questions.

Splunk's "Modular inputs configuration" and "Define a scheme for introspection".
"""

import re
import signal
from pathlib import Path
from typing import Dict, FrozenSet, List, NamedTuple, Set

from ..values import SplError
from . import scheme as xml
from .program import Program

ANSWER_TIMEOUT_S = 30
_NAME = "[0-9a-zA-Z][0-9a-zA-Z_-]*"
_STANZA = re.compile(r"\[(%s)://.*\]" % _NAME)
_PARAMETER = re.compile(r"(%s)\s*=" % _NAME)
_BUILT_IN = frozenset(["batch", "fifo", "monitor", "script", "splunktcp", "tcp", "udp"])


class Kind(NamedTuple):
    """An app's modular input. Its name is that of its scheme; its `parameters` are those that the .spec declares."""

    name: str
    app: str
    script: Path
    python: str
    parameters: FrozenSet[str]
    scheme: xml.Scheme

    @property
    def command_line(self) -> List[str]:
        return [self.python, str(self.script)]


class Answer(NamedTuple):
    """A program's answer. The status is negative if a signal ended the program."""

    status: int
    output: str

    @property
    def failure(self) -> str:
        return how_it_ended(self.status)


def how_it_ended(status: int) -> str:
    if status >= 0:
        return "exited with code %d" % status
    return "killed by signal %d: %s" % (-status, signal.strsignal(-status))


def declared(app: Path) -> Dict[str, FrozenSet[str]]:
    """The inputs that an app's README/inputs.conf.spec declares, with their parameters."""
    spec = app / "README" / "inputs.conf.spec"
    found: Dict[str, Set[str]] = {}
    parameters: Set[str] = set()
    for line in spec.read_text("utf-8").splitlines() if spec.is_file() else []:
        stanza, parameter = _STANZA.match(line), _PARAMETER.match(line)
        if line.startswith("["):
            parameters = set()
        if stanza and stanza.group(1) not in _BUILT_IN:
            found[stanza.group(1)] = parameters
        elif parameter:
            parameters.add(parameter.group(1))
    return {name: frozenset(each) for name, each in found.items()}


def described(splunkd, name: str, command_line: List[str]) -> xml.Scheme:
    """The input's description of itself.

    Raises:
        SplError: the program gave none that can be understood.
    """
    purpose = "Introspecting scheme=" + name
    answer = ask(splunkd, [*command_line, "--scheme"], purpose)
    if answer.status:
        raise SplError("%s: script running failed (%s)" % (purpose, answer.failure))
    try:
        return xml.parse(answer.output)
    except SplError as error:
        raise SplError("%s: %s" % (purpose, error)) from None


def ask(splunkd, command_line: List[str], purpose: str, given: bytes = b"") -> Answer:
    """Runs a program that has ANSWER_TIMEOUT_S to answer. Logs what it writes to stderr, with the purpose."""

    def log(pid: int, line: str) -> None:
        splunkd.logs.splunkd("ERROR", "ModularInputs", "<stderr> %s: %s" % (purpose, line))

    output: List[bytes] = []
    program = Program(command_line, splunkd.environment, log)
    program.in_background(lambda: output.append(program.stdout.read()))
    program.give(given)
    if not program.ends_within(ANSWER_TIMEOUT_S):
        program.send_signal(signal.SIGKILL)
    program.clear_away()
    return Answer(program.returncode, b"".join(output).decode(errors="replace"))
