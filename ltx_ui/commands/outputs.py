"""How the files of ``ltx-ui generate`` are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Formatter

from ltx_ui.errors import SettingsError

FIELDS = ("name", "number", "seed", "take")
"""What a pattern may hold: the name of the file that a recipe came from, its number in it, and a
take's seed and number."""
_SAMPLE: dict[str, str | int] = {"name": "clip", "number": 1, "seed": 1, "take": 1}


class Outputs:
    """Files by a pattern such as ``clip-{seed}.mp4``.

    Args:
        pattern: an mp4's path, with any of :data:`FIELDS` in braces.
        overwrite: whether files that are there already may be replaced.

    Raises:
        SettingsError: it can't be used; says what may stand in it.
    """

    def __init__(self, pattern: str, *, overwrite: bool = False) -> None:
        self._pattern = pattern
        self._overwrite = overwrite
        try:
            found = [field for _, field, _, _ in Formatter().parse(pattern) if field is not None]
            if not set(found) <= set(FIELDS):
                raise ValueError
            pattern.format(**_SAMPLE)
        except ValueError:
            raise SettingsError(
                f"-o {pattern} can't be used: in braces may stand {', '.join(FIELDS)}, as in "
                "clip-{number:03}-{seed}.mp4."
            ) from None
        if Path(pattern).suffix.lower() != ".mp4":
            raise SettingsError(f"-o {pattern} must end with .mp4: clips are mp4 files.")
        self._of_a_take = bool({"seed", "take"} & set(found))

    def paths(self, seeds: Sequence[int], name: str = "clip", number: int = 1) -> list[Path]:
        """A file for each take of a recipe.

        Args:
            seeds: the takes'.
            name, number: of the recipe.

        Raises:
            SettingsError: one of the files is there already.
        """
        paths = [self._path(seed, take, name, number) for take, seed in enumerate(seeds, 1)]
        if len(paths) > 1 and not self._of_a_take:
            paths = [each.with_stem(f"{each.stem}-{n}") for n, each in enumerate(paths, 1)]
        for path in paths:
            if path.exists() and not self._overwrite:
                raise SettingsError(
                    f"{path} is there already. Choose another name with -o, or give --overwrite."
                )
        return paths

    def _path(self, seed: int, take: int, name: str, number: int) -> Path:
        return Path(self._pattern.format(seed=seed, take=take, name=name, number=number))


def unused(path: Path) -> Path:
    """The path, with a number behind its name if there is a file already."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}-{number}")
    return free
