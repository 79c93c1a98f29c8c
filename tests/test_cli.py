"""The command line speaks plainly: its help, and what is wrong with a flag."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from sources import ROOT

from ltx_ui.cli import main
from ltx_ui.commands import COMMANDS
from ltx_ui.errors import SettingsError
from ltx_ui.flags import read_settings
from ltx_ui.settings import Settings

PYTHON = re.compile(
    r"\b(str|int|float|bool|tuple|Path|SecretStr|None|False|Input|Value error)\b|\(\)"
)
"""Words of Python and pydantic, which nobody has to know who starts the studio."""


def test_the_help_names_every_flag_and_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(["--help"], "ltx-ui")
    told = capsys.readouterr().out
    missing = [n for n in Settings.model_fields if f"--{n.replace('_', '-')}" not in told]
    assert missing == []
    assert PYTHON.findall(told) == []
    assert "--auth NAME:PASSWORD" in told


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        ("--port=99999", r"--port .* is '99999'; it must be at most 65535\."),
        ("--port=x", "it must be a whole number"),
        ("--max-image-mb=0", "it must be more than 0"),
        ("--model=", "it is too short"),
        ("--placement=x", "it must be 'auto', 'resident'"),
        ("--device=tpu", "it must be auto, cpu or cuda:N"),
        ("--auth=x", r"--auth \(LTX_UI_AUTH\) must look like NAME:PASSWORD\."),
        ("--attention=x", "it must be 'auto', 'native'"),
        ("--quantize=half", "it must be 'none', 'text' or 'all'"),
        ("--quantize=all --placement=fp8", "can't keep the transformer in 4 bits"),
        ("--quantize=all --lossy=fp8-matmul", "can't have fp8-matmul with --quantize all"),
        (
            "--placement=offload --lossy=step-cache",
            "can only be skip-guidance with --placement offl",
        ),
        ("--root-path=/studio/", "must look like /studio, without a slash at its end"),
        ("--root-path=/../x", "must look like /studio"),
        ("--nonsense", "unrecognized arguments: --nonsense. See ltx-ui --help"),
    ],
)
def test_a_wrong_flag_is_named_with_what_is_allowed(flag: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as raised:
        read_settings(flag.split(), "ltx-ui")
    assert PYTHON.findall(str(raised.value)) == []


@pytest.mark.parametrize("module", ["ltx_ui", "ltx_ui.cli"])
def test_python_runs_it_by_its_modules_names(module: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", module, "--no-such-flag"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (told.returncode, "no-such-flag" in told.stderr) == (2, True)


def test_every_command_is_in_the_help_and_has_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert [name for name in COMMANDS if f"ltx-ui {name} " not in told] == []
    for name in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert f"usage: ltx-ui {name}" in capsys.readouterr().out


def test_an_unknown_command_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exprot"]) == 2
    assert "no command 'exprot'. Did you mean export?" in capsys.readouterr().err
