"""A studio in a process of its own, with the flags a person starts it with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from forked import FORKS, Forked
from sources import ROOT
from studios import PATIENCE

from ltx_ui.web.listening import url_of

STARTED = (sys.executable, "app.py")
"""The program as a person starts it, which takes its libraries' imports."""

_READ_LATE = ("LTX_UI_", "GRADIO_ROOT_PATH")
"""Variables that nothing reads before the app is started."""

# Run before the app. Every connection of every library passes this hook, and one that leaves the
# machine is written down and refused. So are files that only serve an editor written down.
_NO_NETWORK = """
import os, sys
def hook(event, args):
    if event == "socket.connect":
        host = args[1][0] if isinstance(args[1], tuple) else "local"
    elif event == "socket.getaddrinfo":
        host = args[0]
    elif event == "open" and str(args[0]).endswith(".pyi"):
        with open(os.environ["NETWORK_LOG"], "a") as log:
            log.write(f"{event} {args[0]}\\n")
        return
    else:
        return
    host = host.decode() if isinstance(host, bytes) else str(host)
    if host not in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "local", "None", ""):
        with open(os.environ["NETWORK_LOG"], "a") as log:
            log.write(f"{event} {host}\\n")
        raise OSError("this test has no network")
sys.addaudithook(hook)
"""


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RunningApp:
    """``python app.py`` or another program on a free port with a data folder, without a network.

    ``url`` is where it answers; ``outside`` is what it tried to reach beyond its own business.
    ``through`` is a command that runs it, such as one that sets limits; ``program`` and ``cwd`` are
    what is run and where. Without them, and without variables that libraries may read when they are
    imported, it is forked where they are imported already.
    """

    def __init__(
        self,
        data_dir: Path,
        *flags: str,
        host: str = "127.0.0.1",
        through: Sequence[str] = (),
        program: Sequence[str] = (),
        cwd: Path | str = ROOT,
        **environment: str,
    ) -> None:
        self.data_dir = data_dir
        self._host = host
        own = all(name.startswith(_READ_LATE) for name in environment)
        self._forks = FORKS and own and not through and not program and cwd == ROOT
        self._command = [*through, *(program or STARTED)]
        self._cwd = cwd
        self._environment = environment
        self.port = free_port()
        self.url = url_of(host, self.port)
        self._flags = flags
        self._aside = data_dir.with_name(data_dir.name + "-aside")

    def start(self, *flags: str) -> RunningApp:
        """Start the process; returns when the page answers.

        Args:
            flags: what to start it with from now on; none: as before.
        """
        self._flags = flags or self._flags
        self._aside.mkdir(exist_ok=True)
        (self._aside / "network.log").touch()
        flags = ("--host", self._host, "--port", str(self.port), "--data-dir", str(self.data_dir))
        self.process = self._process(*flags, *self._flags)
        self._until(self._answers, "the page to answer")
        return self

    def _process(self, *flags: str) -> subprocess.Popen[bytes] | Forked:
        environment = self._environment | {"NETWORK_LOG": str(self._aside / "network.log")}
        output = self._aside / "output.log"
        if self._forks:
            return Forked(
                ["app.py", *flags], environment=environment, output=output, first=_NO_NETWORK
            )
        (self._aside / "sitecustomize.py").write_text(_NO_NETWORK)
        paths = [str(self._aside), self._environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        with output.open("a") as file:
            return subprocess.Popen(
                [*self._command, *flags],
                cwd=self._cwd,
                env=os.environ | environment,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def wait_ready(self) -> RunningApp:
        """Return when the model is loaded."""
        self._until(lambda: self.health()["model"]["state"] == "ready", "the model to be loaded")
        return self

    def health(self) -> dict[str, Any]:
        """What ``GET /health`` answers."""
        answer: dict[str, Any] = httpx.get(f"{self.url}/health", timeout=30, trust_env=False).json()
        return answer

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, wait until the process is gone, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE)

    @property
    def output(self) -> str:
        """What the process printed so far."""
        return (self._aside / "output.log").read_text()

    @property
    def outside(self) -> str:
        """Connections and look-ups beyond this machine, and opened files that only serve an editor;
        empty when there were none."""
        return (self._aside / "network.log").read_text()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=30, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def _until(self, holds: Any, what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert self.process.poll() is None, f"the app ended:\n{self.output}"
            assert time.monotonic() < end, f"waited {PATIENCE} s for {what}:\n{self.output}"
            time.sleep(0.05)

    def __enter__(self) -> RunningApp:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
