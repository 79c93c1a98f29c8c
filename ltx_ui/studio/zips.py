"""Zips from outside, read with a bound on everything: nothing in them is trusted."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ltx_ui.errors import StudioError

MOST_FILES = 70_000
"""In one zip."""
_MOST_READ = 16_000_000
"""Bytes that are read at once; the list of so many files is shorter."""
_MOST_RATIO = 1100
"""How many times its packed size a file may have: deflate's own limit is 1032."""
_CHUNK = 1 << 20
_DRIVE = re.compile(r"[A-Za-z]:")
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError, LookupError, OSError),
)
"""What ``zipfile`` raises over damaged or hostile zips."""


class BadZip(StudioError):
    """A zip, or a file in it, can't be used; says why."""

    http_status = 422


class Zip:
    """The files of a zip, by their names.

    Args:
        most_bytes: that all files may have together when they are unpacked.
    """

    def __init__(self, source: zipfile.ZipFile, most_bytes: int) -> None:
        self._source = source
        self._files = _checked(source.infolist(), most_bytes)

    @property
    def names(self) -> Mapping[str, int]:
        """Sizes in bytes by name."""
        return {name: entry.file_size for name, entry in self._files.items()}

    def read(self, name: str, most: int) -> bytes:
        """A file's bytes, at most so many.

        Raises:
            BadZip: it is larger, or damaged, or there is none by this name.
        """
        data = io.BytesIO()
        self._copy(name, data, most)
        return data.getvalue()

    def unpack(self, name: str, target: Path, most: int) -> str:
        """Write a file; returns the SHA-256 of its bytes, in hexadecimal digits.

        Raises:
            BadZip: as :meth:`read`.
            OSError: it could not be written.
        """
        with target.open("wb") as file:
            return self._copy(name, file, most)

    def _copy(self, name: str, target: IO[bytes], most: int) -> str:
        entry = self._files.get(name)
        if entry is None:
            raise BadZip(f"{shown(name)} is not in the zip")
        if entry.file_size > most:
            raise BadZip(f"{shown(name)} is larger than {most / 1e6:.1f} MB")
        digest = hashlib.sha256()
        with _in_words(shown(name)):
            file = self._source.open(entry)
        with file:
            while chunk := self._chunk(file, name):
                target.write(chunk)
                digest.update(chunk)
        return digest.hexdigest()

    @staticmethod
    def _chunk(file: IO[bytes], name: str) -> bytes:
        with _in_words(shown(name)):
            return file.read(_CHUNK)


@contextmanager
def opened(path: Path, most_bytes: int) -> Iterator[Zip]:
    """A zip's files.

    Raises:
        BadZip: it is none, is damaged, or breaks one of the bounds.
    """
    try:
        file = _Bounded(path.open("rb", buffering=0))
    except OSError as error:
        raise BadZip(f"{path.name} can't be read: {error.strerror}.") from None
    with file:
        with _in_words("The zip"):
            source = zipfile.ZipFile(file)
            found = Zip(source, most_bytes)
        with source:
            yield found


def shown(name: str) -> str:
    """A name from a zip, in a sentence."""
    return repr(name if len(name) <= 100 else f"{name[:99]}…")


class _Bounded(io.BufferedReader):
    """A file of which ``zipfile`` reads no list of files that is longer than any of ours."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = os.fstat(self.fileno()).st_size - self.tell()
        if size > _MOST_READ:
            raise BadZip(f"The zip lists more files than the {MOST_FILES} that are taken.")
        return super().read(size)


@contextmanager
def _in_words(what: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise BadZip(f"{what} is damaged or of an unknown kind ({reason}).") from None


def _checked(entries: list[zipfile.ZipInfo], most_bytes: int) -> dict[str, zipfile.ZipInfo]:
    if len(entries) > MOST_FILES:
        raise BadZip(f"The zip holds {len(entries)} files; at most {MOST_FILES} are taken.")
    files: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = entry.filename
        if why := _refusal(entry):
            raise BadZip(f"The zip holds {shown(name)}, which {why}. Nothing of it was taken.")
        if name in files:
            raise BadZip(f"The zip holds {shown(name)} twice. Nothing of it was taken.")
        files[name] = entry
    if (total := sum(entry.file_size for entry in entries)) > most_bytes:
        raise BadZip(
            f"The zip would be {total / 1e9:.1f} GB unpacked; at most {most_bytes / 1e9:g} GB are "
            "taken. Export less at once, or let whoever runs the studio allow more "
            "(--max-import-gb)."
        )
    return {name: entry for name, entry in files.items() if not entry.is_dir()}


def _refusal(entry: zipfile.ZipInfo) -> str:
    """Why the zip of such a file is refused; empty if it is not."""
    name = entry.orig_filename
    if not name or "\0" in name or "\\" in name or name.startswith("/") or _DRIVE.match(name):
        return "is no name of a file inside it"
    if ".." in name.split("/"):
        return "leads out of it"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "is a link"
    if entry.flag_bits & 0x1:
        return "is encrypted. Make the zip without a password"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a way that is not read here (only stored and deflate are)"
    if entry.file_size > _MOST_RATIO * entry.compress_size + _CHUNK:
        return "would be far larger than anything that is packed into so few bytes"
    return ""
