"""Fields of a storyboard as the page writes them, and whether what is there is what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ltx_ui.asked_shots import AskedShot, asked_again, read_shots
from ltx_ui.errors import ChangedMeanwhile, InvalidRecipe
from ltx_ui.presets import Presets
from ltx_ui.storyboards import MAX_NAME, Shot
from ltx_ui.studio.kept_shots import Storyboard
from ltx_ui.studio.shelves import one_line
from ltx_ui.web.bodies import validated
from ltx_ui.web.language import number, t

WRITABLE = ("prompt", "seconds", "seed", "join")
"""What may be written of a shot."""
JOINS = {"cut": "board.cut", "last_frame": "board.last_frame", "go_on": "board.go_on"}
"""How a shot may begin, as texts of the catalogue."""


@dataclass(frozen=True)
class Field:
    """A field of the page: a shot's, or the storyboard's name."""

    shot: str
    name: str

    def check(self, board: Storyboard, was: Sequence[str], presets: Presets) -> None:
        """See that there stands what the page shows.

        Args:
            board: as it is.
            was: what was shown there, and what was sent from there last.

        Raises:
            ChangedMeanwhile: it doesn't. What there is stands in it, for ``board_changed.html``.
        """
        if self._value(board) not in self._values(board, was, presets):
            raise ChangedMeanwhile(self._told(board))

    def _value(self, board: Storyboard) -> Any:
        return board.name if self.name == "name" else self._of(board.shots[board.place(self.shot)])

    def _values(self, board: Storyboard, was: Sequence[str], presets: Presets) -> Iterator[Any]:
        """What texts would be written as."""
        for text in was:
            with suppress(InvalidRecipe):
                if self.name == "name":
                    yield one_line(text, "name", MAX_NAME)
                elif self.name == "join":
                    yield text
                else:
                    shot = with_text(
                        asked_again(board.shots)[board.place(self.shot)], self.name, text
                    )
                    alone = shot.model_copy(update={"id": None, "join": "cut"})
                    yield self._of(read_shots([alone], board.settings, presets)[0])

    def _of(self, shot: Shot) -> Any:
        return getattr(shot, "num_frames" if self.name == "seconds" else self.name)

    def _told(self, board: Storyboard) -> dict[str, str]:
        """What there is, as a field has it, and in words."""
        value = self._value(board)
        if self.name == "seconds":
            length = round(value / board.settings["fps"], 2)
            return {"text": str(length), "words": number(length)}
        if self.name == "join":
            return {"text": value, "words": t(JOINS[value])}
        if self.name == "seed":
            text = "" if value is None else str(value)
            return {"text": text, "words": text or t("board.any")}
        return {"text": value, "words": value}


def with_text(shot: AskedShot, field: str, text: str) -> AskedShot:
    """A shot with what was typed into one of its fields.

    Raises:
        InvalidRecipe: the field can't have it.
    """
    told = shot.model_dump(exclude_none=True)
    if field == "seconds":
        told.pop("num_frames", None)
        text = text.strip() or "0"  # Without any, a program's shot has the usual length.
    return validated(
        AskedShot, told | {field: None if field == "seed" and not text.strip() else text}
    )
