"""Modular inputs: the ones that apps bring, the validation of stanzas, and the processes of the enabled ones.

Splunk's "Create modular inputs", "Modular inputs configuration" and "Set up external validation"; inputs.conf.spec.
"""

import threading
from typing import Dict, List, Tuple

from ..refusal import Refusal
from ..stores.conf import Stanza as ConfStanza
from ..stores.conf import is_true
from ..stores.events import HOST
from ..values import SplError
from . import scheme as xml
from .kinds import Kind, ask, declared, described
from .runs import Run, handed_over, seconds_between

IMPLICIT = frozenset(
    [
        "source",
        "sourcetype",
        "host",
        "index",
        "disabled",
        "interval",
        "persistentQueue",
        "persistentQueueSize",
        "queueSize",
    ]
)
"""Parameters that every input has without declaring them."""
_DEFAULTS = {"disabled": "0", "host": HOST, "index": "default", "interval": "60"}


_schemes: Dict[tuple, xml.Scheme] = {}
"""What scripts of inputs said of themselves, by the Python and the file, which several installations may have."""


class Inputs:
    """All modular inputs of a splunkd."""

    def __init__(self, splunkd):
        self._splunkd = splunkd
        self._lock = threading.RLock()
        self._kinds: Dict[str, Kind] = {}
        self._runs: Dict[str, Run] = {}
        self._is_on = False
        self._first_look = threading.Thread(target=self.refresh, name="inputs", daemon=True)

    def start(self) -> None:
        """Does not wait for the programs that are asked for their schemes. Only callers of `kinds` wait for them."""
        self._is_on = True
        self._first_look.start()

    def stop(self) -> None:
        self._first_look.join()
        with self._lock:
            self._is_on = False
            ending = list(self._runs.values())
            self._runs.clear()
        for run in ending:
            run.stop()
        for run in ending:
            run.thread.join()

    def kinds(self) -> Dict[str, Kind]:
        """The inputs whose scheme could be read, by name."""
        self._first_look.join()
        with self._lock:
            return dict(self._kinds)

    def refresh(self) -> None:
        """Follows changes of apps or inputs.conf: starts what is new, ends what is gone or has changed."""
        with self._lock:
            if not self._is_on:
                return
            self._kinds = {kind.name: kind for kind in self._found()}
            wanted = self._enabled()
            for name, run in list(self._runs.items()):
                if wanted.get(name) == (run.kind, run.stanza):
                    del wanted[name]
                    continue
                run.stop()
                if name not in wanted:
                    del self._runs[name]
            for name, (kind, stanza) in wanted.items():
                self._runs[name] = Run(self._splunkd, kind, stanza, after=self._runs.get(name))

    def validate(self, kind: str, name: str, parameters: Dict[str, str]) -> None:
        """Checks whether an input of this kind may have this name and these parameters.

        Raises:
            Refusal: its interval or its script rejects them. No source shows how splunkd presents the script's own
                words, only what it says if the script has none.
        """
        known = self.kinds()[kind]
        seconds_between(parameters.get("interval", _DEFAULTS["interval"]))
        if not known.scheme.use_external_validation:
            return
        purpose = "Argument validation for scheme=" + kind
        with handed_over(self._splunkd, kind) as metadata:
            answer = ask(
                self._splunkd,
                [*known.command_line, "--validate-arguments"],
                purpose,
                xml.items(metadata, xml.Stanza(name, known.app, _parameters(known, parameters))),
            )
        if answer.status:
            message = xml.error_message(answer.output) or "script running failed (%s)." % answer.failure
            raise Refusal(400, "Encountered the following error while trying to save: %s: %s" % (purpose, message))

    def _enabled(self) -> Dict[str, Tuple[Kind, xml.Stanza]]:
        stanzas, enabled = self._splunkd.confs.stanzas("inputs"), {}
        for name, stanza in stanzas.items():
            kind = self._kinds.get(name.partition("://")[0])
            if "://" not in name or kind is None:
                continue
            settings = {**stanzas[kind.name].settings, **stanza.settings}
            if not is_true(settings.get("disabled", "0")):
                enabled[name] = kind, xml.Stanza(name, stanza.app, _parameters(kind, settings))
        return enabled

    def _found(self) -> List[Kind]:
        found = []
        stanzas = self._splunkd.confs.stanzas("inputs")
        for app in self._splunkd.confs.apps():
            for name, parameters in declared(self._splunkd.confs.folder(app)).items():
                try:
                    found.append(self._kind(app, name, parameters, stanzas))
                except SplError as error:
                    self._splunkd.logs.splunkd(
                        "ERROR",
                        "ModularInputs",
                        ('Unable to initialize modular input "%s" defined in the app "%s": %s.' % (name, app, error)),
                    )
        return found

    def _kind(self, app: str, name: str, parameters: frozenset, stanzas: Dict[str, ConfStanza]) -> Kind:
        """The kind with this name.

        Raises:
            SplError: its scheme could not be read.
        """
        if name not in stanzas or "python.version" not in stanzas[name].settings:
            raise SplError("inputs.conf has no [%s] with python.version" % name)
        python = self._splunkd.pythons.for_settings(stanzas[name].settings)
        script = self._splunkd.confs.folder(app) / "bin" / (name + ".py")
        if not script.is_file():
            raise SplError("Unable to locate suitable script for introspection")
        status = script.stat()
        version = self._splunkd.pythons.behind(python), status.st_dev, status.st_ino, script.read_bytes()
        if version not in _schemes:
            _schemes[version] = described(self._splunkd, name, [python, str(script)])
        return Kind(name, app, script, python, parameters, _schemes[version])


def _parameters(kind: Kind, settings: Dict[str, str]) -> Dict[str, str]:
    """What the program is told: those of the stanza's settings that the input has declared or that all inputs have."""
    return {**_DEFAULTS, **{name: value for name, value in settings.items() if name in kind.parameters | IMPLICIT}}
