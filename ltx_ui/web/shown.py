"""What a page shows on its stage, as the browser keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

KEEP = "ltx-2-studio"
"""Prefix of the browser's storage keys, and the secret that Gradio encrypts their values with.
Constant, so that drafts outlive a restart. The secret protects nothing: every visitor gets it."""


def kept(name: str) -> gr.BrowserState:
    """A state that the browser keeps under a name."""
    return gr.BrowserState(None, storage_key=f"{KEEP}-{name}", secret=KEEP)


@dataclass(frozen=True)
class Shown:
    """What the stage shows, as the browser keeps it.

    Attributes:
        take: id of the clip; None for what is being made.
        pinned: id of the clip that is compared with it.
        follow: whether a clip that arrives takes the stage: until the visitor chooses another one.
        told: id of the last job of which was told how it ended.
    """

    take: str | None = None
    pinned: str | None = None
    follow: bool = True
    told: str | None = None

    @classmethod
    def read(cls, value: Any) -> Shown:
        """What a browser sent; nothing in it is trusted. 0.2.0 kept only the clip's id."""
        if isinstance(value, str):
            return cls(take=value, follow=False)
        given: Mapping[Any, Any] = value if isinstance(value, Mapping) else {}
        ids = {
            name: given[name]
            for name in ("take", "pinned", "told")
            if isinstance(given.get(name), str)
        }
        return cls(**ids, follow=given.get("follow") is not False)

    def as_kept(self) -> dict[str, Any]:
        """What the browser keeps: without nulls, which Gradio does not store."""
        return {name: value for name, value in vars(self).items() if value is not None}
