"""The device guard that torch asks for when a tensor says that it is on CUDA."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import torch

COMPILER = "g++"
SOURCE = Path(__file__).with_name("guard.cpp")


def has_compiler() -> bool:
    """Whether the guard can be built here."""
    return shutil.which(COMPILER) is not None


def build(folder: Path) -> Path:
    """Compile the guard against the installed torch.

    Raises:
        subprocess.CalledProcessError: it doesn't compile; the compiler has said why on stderr.
    """
    library, home = folder / "guard.so", Path(torch.__file__).parent
    flags = ["-O1", "-std=c++20", "-shared", "-fPIC", f"-I{home / 'include'}"]
    command = [COMPILER, *flags, str(SOURCE), "-o", str(library), f"-L{home / 'lib'}", "-lc10"]
    subprocess.run(command, check=True)
    return library


def install(library: Path) -> None:
    """Let this process's torch find the guard; it can't be taken out again."""
    ctypes.CDLL(str(library))
