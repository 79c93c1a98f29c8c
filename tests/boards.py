"""What the templates of storyboards are given, with any text in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ltx_ui.studio.kept_shots import KeptShot, Storyboard, Turn
from ltx_ui.studio.takes import Take
from ltx_ui.web.board_fields import JOINS
from ltx_ui.web.board_views import ShotView
from ltx_ui.web.job_view import JobView
from ltx_ui.web.recipe_words import Line

SETTINGS = {"width": 288, "height": 512, "fps": 24}


def boards(take: Callable[..., Take]) -> list[tuple[str, Callable[[str], dict[str, Any]]]]:
    """The templates, and what makes their values of a text.

    Args:
        take: makes one of a text.
    """

    def board(text: str, *, making: bool) -> Storyboard:
        shots = tuple(KeptShot(id=text, prompt=text, num_frames=9) for _ in range(2))
        turns = (Turn(shot=text, seed=1, key=text, job=text),) if making else ()
        return Storyboard(id=text, name=text, settings=SETTINGS, shots=shots, turns=turns)

    def one(making: bool) -> Callable[[str], dict[str, Any]]:
        def values(text: str) -> dict[str, Any]:
            told, taken = board(text, making=making), take(text)
            seen = told.shots[0], 0.38, text, taken, 1.5, (taken, taken)
            job = JobView(text, text, text, text, percent=12.5, runs=True)
            return {
                "board": told,
                "shots": [
                    ShotView(1, *seen),
                    ShotView(2, *seen, waits=True),
                    ShotView(3, *seen, job=job),
                    ShotView(4, *seen, job=job, preview=text),
                    ShotView(5, told.shots[0], 0.38, "", None, 0.0, ()),
                ],
                "running": 3 if making else None,
                "joins": JOINS,
                "lines": [Line("size", text, text), Line("loras", text, text)],
                "least": 0.38,
                "longest": 10.71,
                "next_seconds": 0.38,
                "takes_seconds": 2.5,
                "most": {"prompt": 4000, "name": 80, "seed": 9, "shots": 12},
                "message": text,
                "no_film": text,
                "lasts": text,
                "to_make": 0 if making else 3,
            }

        return values

    def several(text: str) -> dict[str, Any]:
        told = {"board": board(text, making=False), "poster": take(text), "lasts": text}
        return {"boards": [told | {"to_make": 2}], "most": 4000}

    def changed(text: str) -> dict[str, Any]:
        return {"text": text, "words": text, "asks": True}

    return [
        ("board_changed.html", changed),
        ("board.html", one(True)),
        ("board.html", one(False)),
        ("board_list.html", several),
    ]
