"""How much memory a container may still use; the system's own figures ignore its limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class _Version:
    """The files of one version of Linux's control groups."""

    root: str
    limit: str
    used: str
    reclaimable: str
    """The line of ``memory.stat`` with the bytes of cached files. They count as used, but are freed
    when memory is needed."""


_V1 = _Version("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Version("", "memory.max", "memory.current", "inactive_file")


def room_in_container(system: Path = Path("/")) -> int | None:
    """Bytes of memory that this process may still use by the limits of its control group and of all
    groups above it (version 1 or 2). None without a limit, and on other systems than Linux.

    Args:
        system: the folder that holds ``proc`` and ``sys``.
    """
    rooms = [
        room
        for version, group in _groups(system / "proc/self/cgroup")
        for folder in _upwards(system / "sys/fs/cgroup" / version.root, group)
        if (room := _room(folder, version)) is not None
    ]
    return min(rooms, default=None)


def _groups(listing: Path) -> Iterator[tuple[_Version, str]]:
    """The process's group of each version, from lines like ``4:memory:/docker/1a2b``."""
    try:
        lines = listing.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            yield _V2, group
        elif "memory" in controllers.split(","):
            yield _V1, group


def _upwards(root: Path, group: str) -> Iterator[Path]:
    """The folders of a group and of all groups above it, as far as they exist: inside a container
    the process's own group often is the root, whatever the listing calls it."""
    folder = root / group.strip("/")
    yield from (f for f in (folder, *folder.parents) if f.is_relative_to(root) and f.is_dir())


def _room(folder: Path, version: _Version) -> int | None:
    try:
        limit = int((folder / version.limit).read_text())
        used = int((folder / version.used).read_text())
        stat = (folder / "memory.stat").read_text().split()
    except (OSError, ValueError):  # "max" instead of a number means no limit.
        return None
    fields = dict(zip(stat[::2], stat[1::2], strict=True))
    return max(0, limit - used + int(fields.get(version.reclaimable, 0)))
