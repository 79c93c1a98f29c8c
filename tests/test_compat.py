"""Private names of other libraries stand in one module of each room that needs some."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import ROOT, sources

SOURCES = sources(".py")
COMPAT = [file for file in SOURCES if file.name == "compat.py"]
FILES = [file for file in SOURCES if file.name != "compat.py"]
PRIVATE = re.compile(r"_[A-Za-z]\w*")
_JSON = {"_class_name", "_diffusers_version", "_type", "_meta"}
DOCUMENTED = {*_JSON, "_exit", "_replace", "_asdict"}
"""Keys of diffusers' files, of Gradio's JSON and MCP's, ``os._exit``, what named tuples have."""


def test_every_room_that_needs_one_has_its_module() -> None:
    rooms = {file.parent.relative_to(ROOT).as_posix() for file in COMPAT}
    assert rooms == {"ltx_ui/engine", "ltx_ui/web", "training", "tests/rehearsal"}


def private_names(source: str) -> Iterator[str]:
    """Names with a leading underscore that are taken of something else than the file's own self."""
    tree = ast.parse(source)
    formats = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    pieces = {piece for node in formats for piece in node.values}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                if PRIVATE.fullmatch(name) and name not in DOCUMENTED and node not in pieces:
                    yield name
            case ast.Import(names=names):
                yield from _private_parts(*(alias.name for alias in names))
            case ast.ImportFrom(module=module, names=names):
                yield from _private_parts(module or "", *(alias.name for alias in names))


def _private_parts(*imported: str) -> Iterator[str]:
    parts = (part for name in imported for part in name.split("."))
    return (part for part in parts if PRIVATE.fullmatch(part))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
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
        "from torch._subclasses.fake_tensor import FakeTensor",
        "import torch._inductor.config",
    ],
)
def test_a_private_name_would_be_seen(source: str) -> None:
    assert len(list(private_names(source))) == 1


@pytest.mark.parametrize("file", COMPAT, ids=lambda file: str(file.relative_to(ROOT)))
def test_what_a_room_relies_on_is_looked_for_when_it_is_imported(file: Path) -> None:
    tree = ast.parse(file.read_text("utf-8"))
    checks = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Expr) and ast.unparse(node).startswith("require(")
    ]
    imported = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    told = " ".join(map(ast.unparse, [*checks, *imported]))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    used = {name for each in functions for name in private_names(ast.unparse(each))}
    own = {f.name for f in functions} | {
        ast.unparse(n.targets[0]) for n in tree.body if isinstance(n, ast.Assign)
    }
    assert checks
    assert {name for name in used - own if not re.search(rf"\b{name}\b", told)} == set()
