"""Who may import whom, and where everything may be written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_imports_go_one_way() -> None:
    code = "from importlinter.cli import lint_imports_command as run; run(['--no-cache'])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (
            ("recipe", "presets", "prompting", "settings", "errors", "clip", "geometry", "runtime"),
            ("torch", "gradio", "PIL"),
        ),
        (("engine.models", "engine.tokens"), ("torch", "gradio", "transformers")),
        (("studio.studio",), ("torch", "gradio", "fastapi")),
        (("media.mp4", "media.images"), ("torch", "gradio")),
        (("cli",), ("torch", "gradio", "sqlalchemy")),
    ],
)
def test_a_room_brings_only_what_it_needs(
    modules: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    lines = [f"import ltx_ui.{module}" for module in modules]
    code = "\n".join([*lines, "import sys", f"print([m for m in {absent!r} if m in sys.modules])"])
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_no_file_is_longer_than_400_lines() -> None:
    files = [
        path
        for folder in ("ltx_ui", "tests", "benchmarks")
        for suffix in ("*.py", "*.js", "*.css")
        for path in (ROOT / folder).rglob(suffix)
    ]
    long = {f.name: n for f in files if (n := len(f.read_text("utf-8").splitlines())) > 400}
    assert files
    assert long == {}


def test_the_readme_lists_every_setting() -> None:
    from ltx_ui.settings import Settings

    readme = (ROOT / "README.md").read_text("utf-8")
    missing = [n for n in Settings.model_fields if f"`--{n.replace('_', '-')}`" not in readme]
    assert missing == []


def test_the_environment_is_set_in_one_place() -> None:
    sets = re.compile(r"environ\[.*\] *=|environ\.(setdefault|update|pop)|putenv|environ *\|=")
    files = [f for f in (ROOT / "ltx_ui").rglob("*.py") if sets.search(f.read_text("utf-8"))]
    assert [file.name for file in files] == ["runtime.py"]
