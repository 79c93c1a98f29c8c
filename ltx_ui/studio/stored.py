"""What is told of files that were stored."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredImage:
    """A stored picture, which recipes may refer to.

    Attributes:
        digest: ``sha256:…`` of the stored bytes.
        width, height: pixels of the picture as it is meant to be seen.
        note: a sentence on how it was changed before it was stored; empty if it was not.
    """

    digest: str
    width: int
    height: int
    note: str


@dataclass(frozen=True)
class StoredSound:
    """A stored sound or film, which recipes may refer to.

    Attributes:
        digest: ``sha256:…`` of the stored bytes.
        seconds: how long it is.
    """

    digest: str
    seconds: float
