"""Programs in processes that need not import what the app imports: that takes 17 seconds of a core.

They are forked from a server, one for each process of pytest, which has imported all of it and done
nothing else. Where the start of a program is what is tested, it is started by an interpreter of its
own instead, and so it is where there is no forking.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType

import pytest
from sources import ROOT

FORKS = "forkserver" in multiprocessing.get_all_start_methods()

Stream = Connection | Path | None


class Forked:
    """``python ARGUMENTS…`` with all that the app imports already imported; what
    :class:`subprocess.Popen` with ``text`` is, as far as tests need it.

    It ends when the tests do, however they end.

    Args:
        arguments: a script and its arguments, or ``-c``, code and its arguments.
        environment: added to the present one.
        output: the file to which stdout and stderr are added; None makes ``stdin`` and ``stdout``
            pipes.
        stdin: a file to read from.
        stderr: a file for stderr alone.
        first: code that is run before the program.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str] = os.environ,
        output: Path | None = None,
        stdin: Path | None = None,
        stderr: Path | None = None,
        first: str = "",
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        _start_server()
        theirs: list[Stream] = [stdin, output, stderr or output]
        if output is None:
            theirs[0], writer = context.Pipe(duplex=False)
            reader, theirs[1] = context.Pipe(duplex=False)
            self.stdin = os.fdopen(os.dup(writer.fileno()), "w", encoding="utf-8")
            self.stdout = os.fdopen(os.dup(reader.fileno()), encoding="utf-8")
            writer.close()
            reader.close()
        variables = {**os.environ, **environment}
        given = (list(arguments), variables, theirs, first)
        self._process = context.Process(target=_become, args=given, daemon=True)
        self._process.start()
        for stream in theirs:
            if isinstance(stream, Connection):
                stream.close()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or a negative signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """As :attr:`returncode`."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended.

        Raises:
            TimeoutExpired: it hasn't within ``timeout`` seconds.
        """
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Forked:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stdin.close()
        self.stdout.close()
        self.wait()


def ran(arguments: Sequence[str], timeout: float | None = None) -> subprocess.CompletedProcess[str]:
    """What ``python ARGUMENTS…`` came to and printed, within ``timeout`` seconds."""
    if not FORKS:
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = Forked(arguments, output=out, stderr=err)
        try:
            code = process.wait(timeout)
        finally:
            process.kill()
        return subprocess.CompletedProcess(
            arguments, code, out.read_text("utf-8"), err.read_text("utf-8")
        )


def _start_server() -> None:
    """Start the server, if there is none yet, where it finds what it is to import."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT / "tests", ROOT))))
        forkserver.set_forkserver_preload(["pytest", "preloaded"])
        forkserver.ensure_running()


def _become(
    arguments: list[str],
    variables: dict[str, str],
    streams: list[Stream],
    first: str,
) -> None:
    """What a forked process does."""
    threading.Thread(target=_end_with_the_tests, name="end-with-the-tests", daemon=True).start()
    for number, stream in enumerate(streams):
        if isinstance(stream, Path):
            os.dup2(os.open(stream, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644), number)
        elif stream is not None:
            os.dup2(stream.fileno(), number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
    multiprocessing.set_start_method(None, force=True)  # As in any other process.
    patch = pytest.MonkeyPatch()
    for name in os.environ.keys() - variables.keys():
        patch.delenv(name)
    for name, value in variables.items():
        patch.setenv(name, value)
    os.chdir(ROOT)
    exec(first, {})
    if arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        exec(arguments[1], {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


def _end_with_the_tests() -> None:
    tests = multiprocessing.parent_process()
    assert tests is not None
    wait([tests.sentinel])
    os.kill(os.getpid(), signal.SIGKILL)
