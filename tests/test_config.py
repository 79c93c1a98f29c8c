"""Settings come from flags, the environment and a file, and ``ltx-ui config`` tells which."""

from __future__ import annotations

from pathlib import Path

import pytest

from ltx_ui.cli import main
from ltx_ui.errors import SettingsError
from ltx_ui.flags import read_settings


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, beside which no file of the user's counts."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nobody"))
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["config", *arguments]) == 0
    return capsys.readouterr().out


def test_each_setting_is_told_with_where_it_comes_from(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = data_dir / "config.toml"
    file.write_text('port = 1\nmax_queue = 2\nkeep_days = 3\nauth = "ada:hunter2"\n')
    monkeypatch.setenv("LTX_UI_PORT", "4")
    monkeypatch.setenv("LTX_UI_MAX_QUEUE", "5")
    told = printed(capsys, "--data-dir", str(data_dir), "--port", "6")
    rows = {row[0]: row[1:] for row in map(str.split, told.splitlines())}
    assert rows["port"] == ["6", "--port"]
    assert rows["max_queue"] == ["5", "LTX_UI_MAX_QUEUE"]
    assert rows["keep_days"] == ["3", "keep_days", "in", str(file)]
    assert rows["auth"][0] == "********" and "hunter2" not in told
    assert rows["host"] == ["127.0.0.1", "default"]


def test_the_file_that_is_printed_reads_back_to_the_same(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--model", 'C:\\"models"\\é', "--allowed-host", "a.example,b.example", "--keep-gb=1.5"]
    flags += ["--share", "--auth", "ada:hunter2", "--data-dir", str(data_dir / "data")]
    file = data_dir / "mine.toml"
    file.write_text(printed(capsys, "--toml", "--secrets", *flags), "utf-8")
    given, read = read_settings(flags, "ltx-ui"), read_settings([f"--config={file}"], "ltx-ui")
    assert read == given.model_copy(update={"config": file})
    assert "hunter2" not in printed(capsys, "--toml", *flags)


def test_the_users_file_counts_where_the_data_folder_has_none(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data_dir / "ltx-2-studio").mkdir()
    (data_dir / "ltx-2-studio" / "config.toml").write_text("port = 1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(data_dir))
    flags = ["--data-dir", str(data_dir)]
    assert read_settings(flags, "ltx-ui").port == 1
    (data_dir / "config.toml").write_text("port = 2")
    assert read_settings(flags, "ltx-ui").port == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "there is no setting 'prot'. Did you mean port?"),
        ("config = 'x'", "there is no setting 'config'."),
        ("data-dir = 'x'", "there is no setting 'data-dir'. Did you mean data_dir?"),
        ("port = 'x'", "port in .*mine.toml is 'x'; it must be a whole number"),
        ("auth = 'hunter2'", "auth in .*mine.toml must look like NAME:PASSWORD"),
        ("port = ", "mine.toml can't be read: Invalid value"),
        ("port = 1\nport = 2", "mine.toml can't be read: Cannot overwrite"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_place(text: str, told: str, data_dir: Path) -> None:
    file = data_dir / "mine.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=told) as raised:
        read_settings([f"--config={file}"], "ltx-ui")
    assert "hunter2" not in str(raised.value)
