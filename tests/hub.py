"""A hub on this machine that huggingface_hub's own client talks to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from studios import PATIENCE

SHA = "0123456789abcdef0123456789abcdef01234567"
LOAD = """
import sys
from pathlib import Path
from ltx_ui.engine.engine import Engine
from ltx_ui.errors import ModelUnavailable
for repo in sys.argv[2:]:
    try:
        engine = Engine(repo, Path(sys.argv[1]))
        engine.load(lambda message, fraction: print("report", message, fraction))
        print("loaded", engine.card.title)
    except ModelUnavailable as error:
        print("refused", error)
"""


@dataclass(frozen=True)
class Repo:
    """What the hub says of a repo.

    Attributes:
        sizes: bytes of each file by its path.
        content: a file's bytes by its path; of weights, as many as hold the header will do.
        gated: whether its licence has to be accepted first.
    """

    sizes: Mapping[str, int]
    content: Callable[[str], bytes]
    gated: bool = False


@dataclass
class Hub:
    """Where the hub is, and what it was asked for: method and path of each file, with ``header``
    for a request of its first bytes alone."""

    url: str = ""
    served: list[str] = field(default_factory=list)

    def load(self, folder: Path, *repos: str) -> str:
        """What loading repos in turn says, in a process of its own: the client reads its address
        once."""
        return load(self.url, folder, *repos)


def load(endpoint: str, folder: Path, *repos: str) -> str:
    """What loading repos in turn from a hub at any address says, in a process of its own."""
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "home")}
    run = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder / "models"), *repos],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def of_folder(folder: Path, **others: int) -> Repo:
    """A folder as a repo; ``others`` are further sizes, which may be lies."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}
    return Repo({**sizes, **others}, lambda path: (folder / path).read_bytes())


@contextmanager
def serving(repos: Mapping[str, Repo]) -> Iterator[Hub]:
    """Serve repos by their names until the block ends."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"repos": repos, "served": hub.served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    yield hub
    server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    repos: Mapping[str, Repo]
    served: list[str]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        _, *parts = path.split("/")
        name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        repo = self.repos.get(name)
        if repo is None:
            self._answer(404, {"X-Error-Code": "RepoNotFound"})
        elif path.endswith("/auth-check"):
            gated = {"X-Error-Code": "GatedRepo"} if repo.gated else {}
            self._answer(403 if repo.gated else 200, gated)
        elif parts[0] == "api":
            listing = _tree(repo) if "tree" in parts else _info(name, repo)
            self._answer(200, {"Content-Type": "application/json"}, json.dumps(listing).encode())
        else:
            self._file(repo, "/".join(parts[4:]))

    do_HEAD = do_GET  # noqa: N815 (http.server finds methods by these names)

    def _file(self, repo: Repo, path: str) -> None:
        some = self.headers.get("range", "").partition("bytes=")[2]
        self.served.append(f"{'header' if some else self.command} {path}")
        content = repo.content(path)
        if some:
            first, last = map(int, some.split("-"))
            content = content[first : last + 1]
        headers = {"ETag": f'"{repo.sizes[path]}-{path.replace("/", "-")}"', "X-Repo-Commit": SHA}
        self._answer(206 if some else 200, headers, content)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _tree(repo: Repo) -> list[dict[str, object]]:
    return [{"type": "file", "path": p, "size": n, "oid": p} for p, n in repo.sizes.items()]


def _info(name: str, repo: Repo) -> dict[str, object]:
    siblings = [{"rfilename": path, "size": size} for path, size in repo.sizes.items()]
    return {"id": name, "sha": SHA, "siblings": siblings}
