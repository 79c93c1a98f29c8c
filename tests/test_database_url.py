"""A database that a URL names: what is told when it can't be used, and the password never is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from forked import ran
from postgres import NEEDS_POSTGRES, PASSWORD, QUOTED, Postgres
from running import RunningApp, free_port
from studios import PATIENCE, until

from ltx_ui.errors import LibraryUnavailable, SettingsError
from ltx_ui.flags import read_settings
from ltx_ui.settings import Settings
from ltx_ui.studio.database import Database

SECRET = "hunter2"


def start(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    flags = ["--port", str(free_port()), "--log-level", "debug"]
    command = ["app.py", "--data-dir", str(folder), "--database", url]
    return ran([*command, *flags], PATIENCE)


@pytest.mark.parametrize("url", [f"mysql://a:{SECRET}@h/x", SECRET, f"//a:{SECRET}@h/x", ""])
def test_only_postgresql_is_taken_and_the_url_is_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="must look like postgresql://USER") as raised:
        read_settings([f"--database={url}"], "ltx-ui")
    assert SECRET not in str(raised.value)


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match=r"LTX_UI_DATABASE\) can't be read") as raised:
        Database(f"postgresql://a:{SECRET}@h:port/x")
    assert SECRET not in str(raised.value)


def test_settings_do_not_show_it(tmp_path: Path) -> None:
    given = {"database": f"postgres://a:{SECRET}@h/x", "data_dir": tmp_path}
    settings = Settings.model_validate(given)
    assert settings.library == f"postgresql://a:{SECRET}@h/x"
    assert SECRET not in repr(settings)
    assert Settings(data_dir=tmp_path).library == tmp_path / "library.sqlite3"


def test_a_server_that_is_not_there_ends_the_program_with_a_sentence(tmp_path: Path) -> None:
    port = free_port()
    ended = start(tmp_path, f"postgresql://ltx:{SECRET}@127.0.0.1:{port}/studio")
    assert ended.returncode == 1
    assert f"The library in PostgreSQL at 127.0.0.1:{port}/studio can't be used" in ended.stderr
    assert "Check that the server runs" in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr


@NEEDS_POSTGRES
def test_what_the_server_refuses_is_told_in_its_words(postgres: Postgres, tmp_path: Path) -> None:
    for url, said in (
        (postgres.new().replace(QUOTED, SECRET), "password authentication failed"),
        (postgres.url("nowhere"), "does not exist"),
    ):
        with pytest.raises(LibraryUnavailable, match=said) as raised:
            Database(url).open()
        assert not any(each in str(raised.value) for each in (SECRET, PASSWORD, QUOTED))


@NEEDS_POSTGRES
def test_a_program_that_runs_tells_the_place_and_never_the_password(
    postgres: Postgres, tmp_path: Path
) -> None:
    flags = ("--model", "demo", "--log-level", "debug")
    with RunningApp(tmp_path / "data", *flags, LTX_UI_DATABASE=postgres.new()) as app:
        place = f"The library is in PostgreSQL at 127.0.0.1:{postgres.port}/"
        until(lambda: place in app.output)
        assert PASSWORD not in app.output and QUOTED not in app.output
        assert app.stop() == 0
    assert not (tmp_path / "data" / "library.sqlite3").exists()
