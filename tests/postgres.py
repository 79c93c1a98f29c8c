"""A PostgreSQL server of the tests' own, and empty databases on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from running import free_port


def _programs() -> Path | None:
    """The folder of the newest server that is installed; Debian keeps them off the path."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: int(path.parts[-3]), default=None)
    return newest and newest.parent


PROGRAMS = _programs()
MISSING = (PROGRAMS is None or sys.platform == "win32") and os.environ.get("CI") != "true"
"""Whether tests on PostgreSQL are skipped: never in CI, where a missing server is a failure."""
NEEDS_POSTGRES = pytest.mark.skipif(MISSING, reason="no PostgreSQL here; in CI that is a failure")

EACH = ["sqlite", pytest.param("postgresql", marks=NEEDS_POSTGRES)]
"""Both databases, as parameters."""
ON_BOTH = pytest.mark.parametrize("database", EACH, indirect=True)
"""Runs a test once on each database: its fixture ``database`` says which."""
PASSWORD = "s3cret/w%rd"
"""The server's, of its user ``ltx``."""
QUOTED = "s3cret%2Fw%25rd"
"""The same, as a URL has it."""


class Postgres:
    """A server that listens on a free port of this machine alone."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAMS is not None, "PostgreSQL is not installed"
        self._folder = folder
        self._numbers = count()
        self.port = free_port()
        self._as_user = _as_user()
        if self._as_user:
            shutil.chown(folder, "postgres")
        password = folder / "password"
        password.write_text(PASSWORD)
        given = ["--pgdata", str(folder / "data"), "--username=ltx", "--auth=scram-sha-256"]
        given += [f"--pwfile={password}", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", *given)

    def start(self) -> None:
        """Start it; returns when it answers."""
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        options += " -c max_connections=500"
        self._control("start", "--options", options, "--log", str(self._folder / "log"))

    def stop(self) -> None:
        """Stop it, with all connections."""
        self._control("stop", "--mode", "immediate")

    def url(self, name: str) -> str:
        """The URL of a database, with the password."""
        return f"postgresql://ltx:{QUOTED}@127.0.0.1:{self.port}/{name}"

    def new(self, copied: str = "template1") -> str:
        """The URL of a new database: an empty one, or a copy of another one, by its URL."""
        name = f"library{next(self._numbers)}"
        template = copied.rpartition("/")[2]
        self._run("createdb", *self._reached(), f"--template={template}", name)
        return self.url(name)

    def _reached(self) -> list[str]:
        return [f"--host={self._folder}", f"--port={self.port}", "--username=ltx"]

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "--pgdata", str(self._folder / "data"), "--wait", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        assert PROGRAMS is not None
        ran = subprocess.run(
            [*self._as_user, str(PROGRAMS / program), *arguments],
            cwd=self._folder,
            env=os.environ | {"PGPASSWORD": PASSWORD},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr


@contextmanager
def running() -> Iterator[Postgres]:
    """A server that is gone, with all that it holds, when the block ends."""
    # Not pytest's own folder, into which nobody else may look.
    folder = Path(tempfile.mkdtemp(prefix="ltx-postgres-"))
    try:
        server = Postgres(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_user() -> Sequence[str]:
    """What runs a program as somebody else where this is root, whom the server refuses."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
