"""Who may import whom, and where everything may be written."""

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sources import ROOT, sources

MUTATORS = {"setdefault", "update", "pop", "popitem", "clear", "__setitem__", "__delitem__"}
"""The methods that change a dictionary."""


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
    lines = {f: len(f.read_text("utf-8").splitlines()) for f in sources(".py", ".js", ".css")}
    assert {file.name: count for file, count in lines.items() if count > 400} == {}


def test_the_readme_lists_every_setting() -> None:
    from ltx_ui.settings import Settings

    readme = (ROOT / "README.md").read_text("utf-8")
    missing = [n for n in Settings.model_fields if f"`--{n.replace('_', '-')}`" not in readme]
    assert missing == []


def changes_of_the_environment(source: str) -> Iterator[str]:
    """What sets environment variables of the process, or removes some. A test's own, set by
    pytest's ``monkeypatch``, and those given to another process do not count."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Subscript(value=target, ctx=ast.Store() | ast.Del()):
                changes = is_environment(target)
            case ast.AugAssign(target=target):
                changes = is_environment(target)
            case ast.Call(func=ast.Attribute(value=target, attr=name)):
                inner = name in MUTATORS and is_environment(target)
                changes = inner or name in ("putenv", "unsetenv")
            case _:
                changes = False
        if changes:
            yield ast.unparse(node)


def is_environment(node: ast.expr) -> bool:
    return ast.unparse(node).split(".")[-1] in ("environ", "environb")


def test_the_environment_is_set_in_one_place() -> None:
    setting = [f for f in sources(".py") if [*changes_of_the_environment(f.read_text("utf-8"))]]
    assert [str(file.relative_to(ROOT)) for file in setting] == ["ltx_ui/runtime.py"]


@pytest.mark.parametrize(
    "source",
    [
        "os.environ['A'] = 'b'",
        "environ |= {'A': 'b'}",
        "del os.environ['A']",
        "os.environ.setdefault('A', 'b')",
        "os.putenv('A', 'b')",
    ],
)
def test_a_change_of_the_environment_would_be_seen(source: str) -> None:
    assert len([*changes_of_the_environment(source)]) == 1
