"""Lossy speed is named, counted out by the operator, and off by default."""

from __future__ import annotations

import pytest

from ltx_ui.errors import SettingsError
from ltx_ui.flags import read_settings
from ltx_ui.lossy import EXACT, SHARE, THRESHOLD, Lossy, parse_lossy


@pytest.mark.parametrize(
    ("text", "lossy"),
    [
        ("", EXACT),
        ("fp8-matmul", Lossy(fp8_matmul=True)),
        ("skip-guidance", Lossy(skip_guidance=SHARE)),
        ("step-cache", Lossy(step_cache=THRESHOLD)),
        (" step-cache=0.2 , skip-guidance=0.5", Lossy(skip_guidance=0.5, step_cache=0.2)),
        ("skip-guidance=0,", Lossy(skip_guidance=0.0)),
    ],
)
def test_a_list_of_names_with_numbers_is_read(text: str, lossy: Lossy) -> None:
    assert parse_lossy(text) == lossy
    assert parse_lossy(",".join(lossy.names)) == lossy


@pytest.mark.parametrize(
    "text",
    [
        "fast",
        "fp8_matmul",
        "fp8-matmul=1",
        "skip-guidance=",
        "skip-guidance=much",
        "skip-guidance=1.5",
        "step-cache=-0.1",
        "step-cache=nan",
        "step-cache step-cache",
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(["--lossy", text], "ltx-ui")
    said = str(refused.value)
    assert said.startswith(f"--lossy (LTX_UI_LOSSY) is {text!r}; it must be")
    assert all(name in said for name in ("fp8-matmul", "skip-guidance=SHARE", "between 0 and 1"))


def test_a_name_counts_once() -> None:
    with pytest.raises(SettingsError, match="must name step-cache once"):
        read_settings(["--lossy", "step-cache,step-cache=0.2"], "ltx-ui")


def test_nothing_is_lossy_unless_it_is_asked_for() -> None:
    assert parse_lossy(read_settings([], "ltx-ui").lossy) == EXACT
    assert EXACT.names == ()
