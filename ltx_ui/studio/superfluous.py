"""Which stored files nothing needs any longer."""

from __future__ import annotations

import time
from collections.abc import Set
from itertools import accumulate
from pathlib import Path

UNUSED_SECONDS = 7 * 24 * 3600
"""How long a picture is kept that nothing uses. A browser may have it in a draft."""
UNUSED_BYTES = 2_000_000_000
UNUSED_FILES = 2000
"""How many bytes, and how many files, all unused pictures may have; the oldest are removed."""


def superfluous(folder: Path, used: Set[str]) -> list[Path]:
    """Files that are not used, and too old or beyond what all of those may take.

    Args:
        used: the digests of those that are.
    """
    paths = (path for path in folder.glob("[0-9a-f]*.*") if f"sha256:{path.stem}" not in used)
    files = [(path, path.stat()) for path in paths]
    newest_first = sorted(files, key=lambda each: each[1].st_mtime, reverse=True)
    totals = accumulate(found.st_size for _, found in newest_first)
    oldest = time.time() - UNUSED_SECONDS
    return [
        path
        for number, ((path, found), total) in enumerate(zip(newest_first, totals, strict=True))
        if found.st_mtime < oldest or number >= UNUSED_FILES or (number and total > UNUSED_BYTES)
    ]
