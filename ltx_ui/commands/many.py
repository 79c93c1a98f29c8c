"""Clips that are asked for: one, one a line of a file, or of each file that comes to a folder."""

from __future__ import annotations

import hashlib
import json
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ltx_ui.commands.begun import Begun, source_of
from ltx_ui.commands.making import Maker, Unmade
from ltx_ui.commands.outputs import Outputs, unused
from ltx_ui.commands.progress import Display
from ltx_ui.commands.stopping import pause
from ltx_ui.commands.wanted import Wanted, fields_of
from ltx_ui.errors import InvalidRecipe, SettingsError, StudioError

WATCH_SECONDS = 1.0
"""Seconds between two looks into the folder. A file that did not change in between is whole."""
MOST_BYTES = 150_000_000
"""Bytes of a recipe: two pictures of 50 MB in base64."""
DONE, FAILED = "done", "failed"
"""Where a watched folder's files go once their clips are made, and when they can't be."""


@dataclass(frozen=True)
class Todo:
    """A clip that is to be made, and the file of each of its takes."""

    wanted: Wanted
    files: list[Path]

    def make(self, maker: Maker, display: Display) -> None:
        """Make it, and print the names of its files.

        Raises:
            StudioError, KeyboardInterrupt: as :meth:`Maker.make`.
        """
        maker.make(self.wanted, self.files, display)
        for file in self.files:
            print(file, flush=True)


Work = Callable[[Maker, Display], int]
"""Makes clips; returns the exit code: 1 where one of them could not be made.

Raises:
    StudioError: no clip can be made any more.
"""


class Batch:
    """Clips that share what the options set.

    Args:
        base: the fields of every clip; those of a line or a file stand above them.
        pattern: where the clips go; None: beside the file that they come from, under its name.
        overwrite: whether files that are there already may be replaced.
    """

    def __init__(
        self, base: Mapping[str, Any], max_volume: int, pattern: str | None, *, overwrite: bool
    ) -> None:
        self._base = base
        self._max_volume = max_volume
        self._pattern = pattern
        self._overwrite = overwrite

    def one(self, prompt: str) -> Work:
        """The clip of a prompt.

        Raises:
            StudioError: it can't be made.
        """
        todo = self._todo({"prompt": prompt}, self._outputs(None, "clip-{seed}.mp4"))

        def work(maker: Maker, display: Display) -> int:
            todo.make(maker, display)
            return 0

        return work

    def file(self, file: Path) -> Work:
        """A clip of each line that has none yet; what is made is noted in ``FILE.done``.

        Raises:
            SettingsError: the file can't be read.
        """
        outputs = self._outputs(file.parent, "{name}-{number}.mp4")
        notes = Notes(file.with_name(f"{file.name}.done"))
        if not file.is_file():
            raise SettingsError(f"{file} is no file.")
        begun = Begun(file.with_name(f"{file.name}.begun"))
        return partial(self._lines, file, outputs, notes, begun)

    def folder(self, folder: Path) -> Work:
        """A clip of each file that comes, until somebody stops it. A file goes to ``done`` or, with
        the reason beside it, to ``failed``.

        Raises:
            SettingsError: the folder can't be read.
        """
        outputs = self._outputs(folder, "{name}.mp4")
        if not folder.is_dir():
            raise SettingsError(f"{folder} is no folder.")
        return partial(self._watch, folder, outputs, Begun(folder / ".begun"))

    def _lines(
        self,
        file: Path,
        outputs: Outputs,
        notes: Notes,
        begun: Begun,
        maker: Maker,
        display: Display,
    ) -> int:
        skipped, failed = 0, list[str]()
        for number, line in _numbered(file):
            if notes.has(line):
                skipped += 1
                continue
            display.begin(f"line {number}")
            try:
                source, names = source_of(line, notes.count(line)), (file.stem, number)
                files = self._once(source, fields_of(line), outputs, names, begun, maker, display)
            except (InvalidRecipe, Unmade, SettingsError) as error:
                failed.append(f"{file.name}, line {number}: {error}")
                display.say(failed[-1])
            else:
                notes.add(line, files)
            begun.end()
        if skipped:
            display.say(f"{skipped} were made before ({notes.path.name} lists them).")
        if failed:
            display.say(f"{len(failed)} could not be made:")
            for sentence in failed:
                display.say(f"  {sentence}")
        return int(bool(failed))

    def _watch(
        self, folder: Path, outputs: Outputs, begun: Begun, maker: Maker, display: Display
    ) -> int:
        display.say(f"Watching {folder} for .txt and .json files. Ctrl-C stops.")
        seen: dict[Path, tuple[int, int]] = {}
        while True:
            now = dict(_waiting(folder))
            for file in [each for each, size in now.items() if seen.get(each) == size]:
                self._come(file, outputs, begun, maker, display)
            seen = now
            pause(WATCH_SECONDS)

    def _come(
        self, file: Path, outputs: Outputs, begun: Begun, maker: Maker, display: Display
    ) -> None:
        display.begin(file.name)
        try:
            found = file.lstat()
            source = source_of(file.name, found.st_ino, found.st_size, found.st_mtime_ns)
            names = (file.stem, 1)
            self._once(source, _read(file), outputs, names, begun, maker, display)
        except (InvalidRecipe, Unmade, SettingsError) as error:
            moved = _aside(file, FAILED)
            moved.with_name(f"{moved.name}.error").write_text(f"{error}\n", "utf-8")
            display.say(f"{file.name}: {error}")
        else:
            _aside(file, DONE)
        begun.end()

    def _once(
        self,
        source: str,
        fields: Mapping[str, Any],
        outputs: Outputs,
        names: tuple[str, int],
        begun: Begun,
        maker: Maker,
        display: Display,
    ) -> list[Path]:
        """Make a clip, unless a process has that was killed before it came to note it.

        Args:
            source: as :meth:`Begun.made` takes it.
            names: the name and the number that its files are called by.

        Returns:
            Its files.
        """
        if (made := begun.made(source)) is not None:
            return made
        todo = self._todo({**fields, **begun.again(source)}, outputs, *names)
        begun.begin(source, todo.wanted.request.seed, todo.files)
        todo.make(maker, display)
        return todo.files

    def _outputs(self, folder: Path | None, usual: str) -> Outputs:
        escaped = str(folder).replace("{", "{{").replace("}", "}}")
        pattern = self._pattern or (f"{escaped}/{usual}" if folder else usual)
        return Outputs(pattern, overwrite=self._overwrite)

    def _todo(
        self, fields: Mapping[str, Any], outputs: Outputs, name: str = "clip", number: int = 1
    ) -> Todo:
        wanted = Wanted.of({**self._base, **fields}, self._max_volume)
        return Todo(wanted, outputs.paths(wanted.seeds, name, number))


class Notes:
    """Which lines of a file are made, by what stands in them, so that lines may be added, removed
    and put into another order between two runs.

    Raises:
        SettingsError: they can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            lines = path.read_text("utf-8").splitlines() if path.exists() else []
            self._all = Counter(str(json.loads(line)["line"]) for line in lines)
            self._made = self._all.copy()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                f"{path}, which lists the lines that are made, can't be read ({error}). Move it "
                "away to make all of them again."
            ) from None

    def has(self, line: bytes) -> bool:
        """Whether the line is made. One that stands there twice is made twice."""
        if not self._made[digest := _digest(line)]:
            return False
        self._made[digest] -= 1
        return True

    def count(self, line: bytes) -> int:
        """How often the line is noted, all runs together."""
        return self._all[_digest(line)]

    def add(self, line: bytes, files: list[Path]) -> None:
        """Note that a line is made.

        Raises:
            SettingsError: that can't be written.
        """
        note: dict[str, Any] = {"line": _digest(line), "files": [str(file) for file in files]}
        try:
            with self.path.open("a", encoding="utf-8") as notes:
                notes.write(json.dumps(note) + "\n")
            self._all[note["line"]] += 1
        except OSError as error:
            raise StudioError(f"{self.path} can't be written: {error.strerror}.") from None


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _numbered(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line := line.strip():
                    yield number, line
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}.") from None


def _waiting(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    """The files to be made, in the order of their names, with what changes while one is written."""
    try:
        names = sorted(folder.iterdir())
    except OSError as error:
        raise SettingsError(f"{folder} can't be watched: {error.strerror}.") from None
    for file in names:
        if file.suffix.lower() not in (".txt", ".json") or file.name.startswith("."):
            continue
        try:
            found = file.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(found.st_mode) and found.st_size:
            yield file, (found.st_size, found.st_mtime_ns)


def _read(file: Path) -> dict[str, Any]:
    if file.stat().st_size > MOST_BYTES:
        raise InvalidRecipe.because("recipe", f"This is larger than {MOST_BYTES / 1e6:g} MB.")
    data = file.read_bytes()
    if file.suffix.lower() == ".json":
        return fields_of(data)
    try:
        return {"prompt": data.decode("utf-8-sig")}
    except UnicodeDecodeError:
        raise InvalidRecipe.because("prompt", "This is no text in UTF-8.") from None


def _aside(file: Path, folder: str) -> Path:
    """Move a file into a folder beside it."""
    target = unused(file.parent / folder / file.name)
    target.parent.mkdir(exist_ok=True)
    return file.rename(target)
