"""Private names of other libraries stand in one module."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ltx_ui

ROOMS = Path(ltx_ui.__file__).parent
FILES = sorted(file for file in ROOMS.rglob("*.py") if file.name != "compat.py")
PRIVATE = re.compile(r"_[A-Za-z]\w*")
DOCUMENTED = {"_class_name", "_exit", "_replace", "_asdict"}
"""A key of diffusers' files, ``os._exit``, and what every named tuple has."""


def private_names(source: str) -> Iterator[str]:
    """Names with a leading underscore that are taken of something else than the file's own self."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                if PRIVATE.fullmatch(name) and name not in DOCUMENTED:
                    yield name
            case ast.ImportFrom(names=names):
                yield from (alias.name for alias in names if PRIVATE.fullmatch(alias.name))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOMS)))
def test_no_other_file_takes_a_private_name(file: Path) -> None:
    assert list(private_names(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "pipe._execution_device",
        "torch._dynamo.config.recompile_limit = 1",
        "self.pipe._interrupt = True",
        "'_hf_hook' in vars(module)",
        "from diffusers.hooks.group_offloading import _GROUP_OFFLOADING",
    ],
)
def test_a_private_name_would_be_seen(source: str) -> None:
    assert len(list(private_names(source))) == 1


@pytest.mark.parametrize("room", ["engine", "web"])
def test_what_a_room_relies_on_is_looked_for_when_it_is_imported(room: str) -> None:
    tree = ast.parse((ROOMS / room / "compat.py").read_text("utf-8"))
    checks = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Expr) and ast.unparse(node).startswith("require(")
    ]
    told = " ".join(map(ast.unparse, checks))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    used = {name for each in functions for name in private_names(ast.unparse(each))}
    own = {f.name for f in functions} | {
        ast.unparse(n.targets[0]) for n in tree.body if isinstance(n, ast.Assign)
    }
    assert checks
    assert {name for name in used - own if not re.search(rf"\b{name}\b", told)} == set()
