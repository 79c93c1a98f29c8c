"""A repo is fetched, or refused in words, by the real client from a hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ltx_ui.engine.loading import DEMO_FOLDER

SHA = "0123456789abcdef0123456789abcdef01234567"
LOAD = """
import sys
from pathlib import Path
from ltx_ui.engine.engine import Engine
from ltx_ui.errors import ModelUnavailable
try:
    engine = Engine(sys.argv[1], Path(sys.argv[2]))
    engine.load(lambda message, fraction: print("report", message, fraction))
    print("loaded", engine.card.title)
except ModelUnavailable as error:
    print("refused", error)
"""


class Hub(BaseHTTPRequestHandler):
    """Answers what huggingface_hub asks for: a repo's files, whether they are open, and each file.

    ``acme/open`` is the demo model's folder; ``acme/gated`` wants its licence accepted first;
    ``acme/huge`` says that one file has a petabyte. Anything else is not there.
    """

    folder: Path
    served: list[str]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        _, *parts = path.split("/")
        repo = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
        if repo not in ("acme/open", "acme/gated", "acme/huge"):
            self._answer(404, {"X-Error-Code": "RepoNotFound"})
        elif path.endswith("/auth-check"):
            gated = repo == "acme/gated"
            self._answer(403 if gated else 200, {"X-Error-Code": "GatedRepo"} if gated else {})
        elif parts[0] == "api":
            listing = self._tree(repo) if "tree" in parts else self._info(repo)
            self._answer(200, {"Content-Type": "application/json"}, json.dumps(listing).encode())
        else:
            file = self.folder / "/".join(parts[4:])
            self.served.append(f"{self.command} {file.name}")
            headers = {"ETag": f'"{file.stat().st_size}-{file.name}"', "X-Repo-Commit": SHA}
            self._answer(200, headers, file.read_bytes())

    do_HEAD = do_GET  # noqa: N815 (http.server finds methods by these names)

    def _tree(self, repo: str) -> list[dict[str, object]]:
        files = {
            path.relative_to(self.folder).as_posix(): path.stat().st_size
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }
        if repo == "acme/huge":
            files["transformer/huge.safetensors"] = 10**15
        return [{"type": "file", "path": p, "size": n, "oid": p} for p, n in files.items()]

    def _info(self, repo: str) -> dict[str, object]:
        siblings = [{"rfilename": f["path"], "size": f["size"]} for f in self._tree(repo)]
        return {"id": repo, "sha": SHA, "siblings": siblings}

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    served: list[str] = []
    handler = type("DemoHub", (Hub,), {"folder": DEMO_FOLDER, "served": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", served
    server.shutdown()


def load(endpoint: str, repo: str, folder: Path) -> str:
    """What loading a repo says, in a process of its own: the client reads its address once."""
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "home")}
    run = subprocess.run(
        [sys.executable, "-c", LOAD, repo, str(folder / "models")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_a_repo_is_downloaded_with_its_progress_and_then_needs_no_hub(
    hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    endpoint, served = hub
    said = load(endpoint, "acme/open", tmp_path)
    assert "report Downloading acme/open: " in said
    assert "loaded open" in said
    assert "GET model_index.json" in served
    served.clear()
    assert "loaded open" in load("http://127.0.0.1:9", "acme/open", tmp_path)
    assert served == []


@pytest.mark.parametrize(
    ("repo", "says"),
    [
        ("acme/gated", "start again with HF_TOKEN set"),
        ("acme/nobody", "There is no repo acme/nobody"),
        ("acme/huge", "needs 1000000 GB of disk"),
    ],
)
def test_what_cannot_be_downloaded_says_what_to_do(
    hub: tuple[str, list[str]], tmp_path: Path, repo: str, says: str
) -> None:
    endpoint, served = hub
    said = load(endpoint, repo, tmp_path)
    assert "refused" in said
    assert says in said
    assert not any(request.startswith("GET") for request in served)


def test_a_models_folder_that_cannot_be_written_says_so(
    hub: tuple[str, list[str]], tmp_path: Path
) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    said = load(hub[0], "acme/open", tmp_path)
    assert "refused" in said and "a file stands where a folder is needed" in said
