"""Users, their passwords and their tokens, on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from kept import fill, in_use
from serving import Served, served
from sqlalchemy import text

from ltx_ui.cli import main
from ltx_ui.studio.database import Database
from ltx_ui.studio.users import Users

PASSWORD = "correct horse"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Served]:
    """A studio for named users and visitors."""
    fill(tmp_path / "data", [])
    with served(tmp_path / "data", visitors="on") as home:
        yield home


def run(folder: Path, *words: str, typed: str = "", monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.stdin", StringIO(typed))
    return main([*words, "--data-dir", str(folder)])


def test_users_and_tokens_are_managed_on_the_terminal_while_the_studio_runs(
    home: Served, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def does(*words: str, typed: str = "") -> tuple[int, str, str]:
        code = run(home.folder, *words, typed=typed, monkeypatch=monkeypatch)
        return code, *capsys.readouterr()

    home.studio.users.stamps.get()
    with in_use(home.folder), home.visitor(40) as client:
        assert does("user", "add", "dora", "--password-stdin", typed=f"{PASSWORD}\n")[0] == 0
        assert client.get("/jobs/x", auth=("dora", PASSWORD)).status_code == 404
        code, _, problem = does("user", "add", "Dora", "--password-stdin", typed=PASSWORD)
        assert (code, "already" in problem) == (1, True)
        assert "8 to 200" in does("user", "add", "x", "--password-stdin", typed="short")[2]
        assert "--password-stdin" in does("user", "password", "dora")[2]
        assert "dora\tsince" in does("user", "list")[1]
        code, secret, said = does(
            *("token", "add", "--owner", "dora", "--scope", "make,read", "--days", "30", "mine")
        )
        bearer = {"Authorization": f"Bearer {secret.strip()}"}
        assert (code, "told this once" in said) == (0, True)
        assert client.get("/jobs/x", headers=bearer).status_code == 404
        listed = does("token", "list", "--owner", "dora")[1]
        assert "make,read" in listed and secret.strip() not in listed
        assert does("token", "revoke", listed.split()[0])[0] == 0
        assert client.get("/jobs/x", headers=bearer).status_code == 401
        assert does("token", "add", "--owner", "nobody", "--scope", "read", "x")[0] == 2
        assert does("user", "remove", "dora")[0] == 0
        assert does("user", "remove", "dora")[0] == 1


def test_a_password_is_hashed_anew_when_the_parameters_are_others(tmp_path: Path) -> None:
    database = Database(tmp_path / "library.sqlite3")
    users, weak = Users(database), PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    users.add("ada", PASSWORD)
    assert PASSWORD not in (tmp_path / "library.sqlite3").read_bytes().decode("latin-1")
    before = users.stamps.get()["ada"]
    with database.session() as session:
        session.execute(text("UPDATE users SET password = :p"), {"p": weak.hash(PASSWORD)})
    assert not users.verify("ada", "something else")
    assert users.verify("ada", PASSWORD) and users.verify("ada", PASSWORD)
    with database.reading() as session:
        hashed = session.execute(text("SELECT password FROM users")).scalar_one()
    assert "m=19456,t=2,p=1" in hashed
    assert users.stamps.get()["ada"] != before
    database.close()
