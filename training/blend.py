"""A model between two: one that was trained further, and the one that it began from.

    python -m training.blend --old ltx_ui/engine/demo --new runs/model --share 0.5 --folder blended

What further training is for is gained faster than what it is not for is lost, so between the two
there is a model with most of the gain and little of the loss (Wortsman et al. 2022, WiSE-FT).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file


def blend(old: Path, new: Path, share: float, folder: Path) -> None:
    """Write ``folder``: ``old``, with every weight moved towards ``new``'s by ``share`` (0…1).

    Raises:
        FileExistsError: there is such a folder already.
        FileNotFoundError, KeyError: the two are not the same model.
    """
    shutil.copytree(old, folder)
    for path in sorted(old.rglob("*.safetensors")):
        name = path.relative_to(old)
        before, after = load_file(path), load_file(new / name)
        mixed = {
            key: torch.lerp(weights.float(), after[key].float(), share).to(weights.dtype)
            for key, weights in before.items()
        }
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
        save_file(mixed, folder / name, metadata=metadata)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.blend", description=__doc__)
    for flag in ("--old", "--new", "--folder"):
        parser.add_argument(flag, type=Path, required=True)
    parser.add_argument("--share", type=float, required=True, help="of the new one, 0 to 1")
    chosen = parser.parse_args()
    blend(chosen.old, chosen.new, chosen.share, chosen.folder)


if __name__ == "__main__":
    main()
