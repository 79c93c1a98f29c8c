"""Where the program's own files lie, and where what it makes is kept by default."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_config_path, user_data_path

_PACKAGE = Path(__file__).resolve().parent
_PACKAGED_PRESETS = _PACKAGE / "presets.json"
"""Only a built package holds this copy; in a checkout the file lies beside ``app.py``."""


def is_installed() -> bool:
    """Whether the program runs from a built package. A checkout that was installed with
    ``pip install -e`` is still a checkout."""
    return _PACKAGED_PRESETS.is_file()


def presets_file() -> Path:
    """The presets.json that comes along."""
    return _PACKAGED_PRESETS if is_installed() else _PACKAGE.parent / "presets.json"


def data_dir() -> Path:
    """``data`` in the working folder for a checkout; for an installed package, which may be started
    from any folder, the place that the system has for a user's program data."""
    return user_data_path("ltx-2-studio", appauthor=False) if is_installed() else Path("data")


def config_dir() -> Path:
    """The place that the system has for a user's configuration of this program."""
    return user_config_path("ltx-2-studio", appauthor=False)
