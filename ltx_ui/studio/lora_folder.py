"""The operator's folder of LoRAs: what lies in it, and how recipes name it.

A name is looked up among the files that are there, and never becomes a path.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from os import stat_result
from pathlib import Path

from ltx_ui.controlling import LORAS, led
from ltx_ui.engine.loras import (
    LoraHeader,
    UnusableLora,
    check_fits,
    check_weights,
    read_header,
)
from ltx_ui.errors import InvalidRecipe
from ltx_ui.inputs import Inputs, LoraData
from ltx_ui.loras import LoraInput, is_name
from ltx_ui.recipe import Recipe

MOST_FILES = 500
_MOST_NAMED = 12

_log = logging.getLogger(__name__)
_Key = tuple[str, int, int]


@dataclass(frozen=True)
class Fitting:
    """What LoRAs are held to: the loaded model.

    Attributes:
        model: its card's id.
        shapes: of the transformer's linear layers, as of
            :func:`ltx_ui.engine.adapters.linear_shapes`.
    """

    model: str
    title: str
    shapes: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Lora:
    """A LoRA in the folder.

    Attributes:
        name: its file's without the ending.
        bytes: its file's size.
        rank: 0 where that can't be read.
        words: that call what it was trained on.
        fits: the ids of the models that it is known to fit: the loaded one, or none until a model
            is loaded.
        factor: of an IC-LoRA, by which a clip follows a film: how many times as wide as the film
            the clip is; 0 for any other.
        layers: how many layers it has, and ``matched`` how many of them the loaded model has.
        why_not: a sentence on why it can't be used now; empty if it can.
    """

    name: str
    path: Path
    bytes: int
    rank: int = 0
    words: tuple[str, ...] = ()
    fits: tuple[str, ...] = ()
    layers: int = 0
    matched: int = 0
    numbers: int = 0
    factor: int = 0
    why_not: str = ""


class LoraFolder:
    """The folder of LoRAs. Safe to call from any thread.

    Args:
        known: a file in which the files' SHA-256 are kept, and whether their numbers can be used:
            both take seconds to find out.

    Attributes:
        fitting: what they are held to; None until a model is loaded.
    """

    def __init__(self, folder: Path, known: Path) -> None:
        self._folder, self._known = folder, known
        self._lock = threading.Lock()
        self._headers: dict[_Key, LoraHeader | str] = {}
        self._matched: dict[tuple[_Key, str], int | str] = {}
        self._found: dict[str, str] | None = None
        self.fitting: Fitting | None = None

    def all(self) -> list[Lora]:
        """All LoRAs, by their names, and why those can't be used that can't."""
        found = self._files()
        return [self._told(name, found[name]) for name in sorted(found, key=str.casefold)]

    def usable(self) -> list[Lora]:
        """Those that fit the loaded model."""
        return [lora for lora in self.all() if lora.fits]

    def sha256(self, lora: Lora) -> str:
        """The SHA-256 of a LoRA's file, in hexadecimal digits; empty where it can't be read."""
        try:
            return self._digest(lora.path, lora.path.stat())
        except OSError as error:
            _log.warning("%s can't be read: %s", lora.path, error)
            return ""

    def settled(self, recipe: Recipe) -> Recipe:
        """A recipe that says by their digests which files its LoRAs are, and in which size one of
        them takes the film that the clip follows.

        Raises:
            InvalidRecipe: there is no such LoRA here, its file is another one by now, or it can't
                be used; or there is an IC-LoRA without a film, or a film without one.
        """
        found = list(self._of(recipe))
        loras = tuple(each.model_copy(update={"sha256": sha256}) for each, (sha256, _) in found)
        if loras:
            inputs: Inputs = recipe.inputs.model_copy(update={"loras": loras})
            recipe = recipe.model_copy(update={"inputs": inputs})
        return led(recipe, {lora.name: lora.factor for _, (_, lora) in found if lora.factor})

    def read(self, recipe: Recipe) -> tuple[LoraData, ...]:
        """A recipe's LoRAs that change its clip, as the engine takes them: IC-LoRAs only where it
        follows a film.

        Raises:
            InvalidRecipe: as :meth:`settled`.
        """
        return tuple(
            LoraData(each.name, lora.path, sha256, each.strength, lora.numbers, lora.factor > 0)
            for each, (sha256, lora) in self._of(recipe)
            if each.strength and (recipe.inputs.follows or not lora.factor)
        )

    def missing(self, loras: Sequence[LoraInput]) -> list[str]:
        """The names of LoRAs that can't be had here as they are asked for."""
        found = []
        for each in loras:
            try:
                self._one(each)
            except InvalidRecipe:
                found.append(each.name)
        return found

    def _of(self, recipe: Recipe) -> Iterator[tuple[LoraInput, tuple[str, Lora]]]:
        for each in recipe.inputs.loras:
            yield each, self._one(each)

    def _one(self, asked: LoraInput) -> tuple[str, Lora]:
        files = self._files()
        if asked.name not in files:
            raise InvalidRecipe.because(LORAS, f"{LORAS}: {self._none(asked.name)}")
        lora = self._told(asked.name, files[asked.name])
        if lora.why_not:
            raise InvalidRecipe.because(LORAS, f"{LORAS}: {lora.why_not}")
        sha256 = self.sha256(lora)
        if asked.sha256 not in ("", sha256):
            raise InvalidRecipe.because(
                LORAS,
                f"{LORAS}: {asked.name} is another file here than the one that is asked for "
                f"(SHA-256 {sha256[:12]}…, not {asked.sha256[:12]}…). Put that file back, or leave "
                "out @ and what follows to use this one.",
            )
        return sha256, lora

    def _none(self, name: str) -> str:
        usable = [lora.name for lora in self.usable()]
        there = "There is none that can be used."
        if usable:
            more = f" and {len(usable) - _MOST_NAMED} more" if len(usable) > _MOST_NAMED else ""
            there = f"There are: {', '.join(usable[:_MOST_NAMED])}{more}."
        return f"there is no LoRA {name!r} in this studio's folder. {there}"

    def _files(self) -> dict[str, list[Path]]:
        """The files in the folder by their names. Links out of it are not followed."""
        found: dict[str, list[Path]] = {}
        with suppress(OSError):
            root = self._folder.resolve()
            for path in sorted(self._folder.rglob("*.safetensors"))[:MOST_FILES]:
                inside = path.is_file() and path.resolve().is_relative_to(root)
                hidden = any(each.startswith(".") for each in path.relative_to(self._folder).parts)
                if inside and not hidden and is_name(path.stem):
                    found.setdefault(path.stem, []).append(path)
        return found

    def _told(self, name: str, paths: list[Path]) -> Lora:
        path = paths[0]
        try:
            stat = path.stat()
            header = self._header(path, stat)
        except OSError as error:
            return Lora(name, path, 0, why_not=f"{name} can't be read ({error.strerror}).")
        lora = Lora(name, path, stat.st_size)
        if len(paths) > 1:
            where = ", ".join(str(each.relative_to(self._folder)) for each in paths)
            return _unusable(
                lora, f"{len(paths)} files have this name: {where}. Rename all but one"
            )
        if isinstance(header, str):
            return _unusable(lora, header)
        lora = replace(
            lora,
            rank=header.rank,
            words=header.words,
            layers=len(header.layers),
            numbers=header.numbers,
            factor=header.factor,
        )
        if (fitting := self.fitting) is None:
            return lora
        matched = self._fit(_key(path, stat), header, fitting)
        if isinstance(matched, str):
            return _unusable(lora, matched)
        return replace(lora, fits=(fitting.model,), matched=matched)

    def _fit(self, key: _Key, header: LoraHeader, fitting: Fitting) -> int | str:
        """How many of a file's layers the loaded model has, or why it does not fit."""
        known = (key, fitting.model)
        if known not in self._matched:
            try:
                self._matched[known] = check_fits(header, fitting.shapes, fitting.title)
            except UnusableLora as error:
                self._matched[known] = str(error)
        return self._matched[known]

    def _header(self, path: Path, stat: stat_result) -> LoraHeader | str:
        """A file's header, or why it can't be used."""
        key = _key(path, stat)
        if key not in self._headers:
            try:
                self._headers[key] = read_header(path)
            except UnusableLora as error:
                self._headers[key] = str(error)
            else:
                if why_not := self._once(path, stat, "numbers", _damage):
                    self._headers[key] = why_not
        return self._headers[key]

    def _digest(self, path: Path, stat: stat_result) -> str:
        return self._once(path, stat, "", _sha256)

    def _once(self, path: Path, stat: stat_result, what: str, find: Callable[[Path], str]) -> str:
        """What is found out about a file, once for as long as it stays the same."""
        key = f"{path}:{stat.st_size}:{stat.st_mtime_ns}{what and ':'}{what}"
        with self._lock:
            if self._found is None:
                self._found = _read_found(self._known)
            if key not in self._found:
                self._found[key] = find(path)
                _write_found(self._known, self._found)
            return self._found[key]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damage(path: Path) -> str:
    """Why a file's numbers can't be used; empty if they can."""
    try:
        check_weights(path)
    except UnusableLora as error:
        return str(error)
    return ""


def _key(path: Path, stat: stat_result) -> _Key:
    return str(path), stat.st_size, stat.st_mtime_ns


def _unusable(lora: Lora, why: str) -> Lora:
    return replace(lora, why_not=f"{lora.name} {why}.")


def _read_found(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_found(file: Path, found: Mapping[str, str]) -> None:
    with suppress(OSError):  # It is only found out again.
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found), "utf-8")
