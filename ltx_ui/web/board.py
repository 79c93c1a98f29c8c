"""The Storyboard tab: shots in their order, each with its words, made and joined."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import gradio as gr

from ltx_ui.alternatives import as_typed
from ltx_ui.asked_shots import (
    AskedShot,
    asked_again,
    check_shots,
    read_settings,
    read_shots,
)
from ltx_ui.errors import ChangedMeanwhile, NotFound, StudioError
from ltx_ui.presets import Presets
from ltx_ui.request import request_data
from ltx_ui.settings import Settings
from ltx_ui.storyboards import SHARED, Shot
from ltx_ui.studio.kept_shots import Storyboard, chosen_again, edited
from ltx_ui.studio.studio import Studio
from ltx_ui.web.access import owner_of
from ltx_ui.web.board_fields import WRITABLE, Field, with_text
from ltx_ui.web.board_views import BoardViews, problem
from ltx_ui.web.bodies import validated
from ltx_ui.web.create import Create
from ltx_ui.web.form import Form
from ltx_ui.web.templating import render
from ltx_ui.web.wiring import EACH, LATEST, Updates, Values, custom, on, sent, texts

Does = Callable[["Asked"], Storyboard | None]
"""What is asked for; returns the storyboard to show, None for all of them."""


class Asked:
    """An event of the tab's script: who caused it, and what it says, unchecked."""

    def __init__(self, event: gr.EventData, owner: str, draft: Any) -> None:
        self._event, self.owner, self.draft = event, owner, draft

    def text(self, name: str) -> str:
        """A text; empty where none was sent."""
        return str(said) if isinstance(said := sent(self._event, name), str) else ""

    @property
    def was(self) -> list[str]:
        """What the page takes for written where it writes."""
        return texts(sent(self._event, "was"))

    @property
    def board(self) -> str:
        """The id of the storyboard that is meant."""
        return self.text("board")

    @property
    def shot(self) -> str:
        """The id of the shot that is meant."""
        return self.text("shot")


class Board:
    """The tab's component and its events. All is drawn here and put in place by its script, which
    replaces what has changed and leaves alone who is typing."""

    def __init__(
        self, studio: Studio, settings: Settings, presets: Presets, create: Create
    ) -> None:
        self._studio, self._boards, self._director = studio, studio.storyboards, studio.director
        self._presets, self._draft = presets, create.form.draft
        self._most = settings.max_volume
        self._views = BoardViews(studio, presets)
        self._part = custom("board", render("board_waits.html"), "board.js")
        self._does: Mapping[str, Does] = {
            "add": self._add,
            "begin": self._begin,
            "choose": self._choose,
            "delete": self._delete,
            "from_take": self._from_take,
            "make": lambda asked: self._director.make(asked.board, asked.owner),
            "make_shot": lambda asked: self._director.make_shot(
                asked.board, asked.shot, asked.owner
            ),
            "move": self._move,
            "remove": self._remove,
            "settings": self._settings,
            "stop": lambda asked: self._director.stop(asked.board, asked.owner),
            "write": self._write,
        }

    def show(self, event: gr.EventData, request: gr.Request) -> Updates:
        """The storyboard that is asked for, or all of them."""
        asked = Asked(event, owner_of(request), None)
        return self._now(asked) if asked.board else self._all(asked.owner)

    def act(self, values: Values, event: gr.EventData, request: gr.Request) -> Updates:
        """Do what the script says, and show what it did; or what is wrong, beside what there is."""
        asked = Asked(event, owner_of(request), values.get(self._draft))
        if (does := self._does.get(asked.text("do"))) is None:
            return {}
        told = {name: asked.text(name) for name in ("shot", "field")} | {"did": asked.text("do")}
        try:
            board = does(asked)
        except StudioError as error:
            told["wrong"] = _wrong(error, asks=bool(told["field"]))
            return self._now(asked, **told) if asked.board else self._all(asked.owner, **told)
        if board is None:
            return self._all(asked.owner, **told)
        return self._put(board, asked.owner, **told)

    def _now(self, asked: Asked, **more: Any) -> Updates:
        """The storyboard that is meant, as it is; all of them, and that it is gone, where it is."""
        try:
            board = self._boards.one(asked.board, asked.owner)
        except NotFound as error:
            return self._all(asked.owner, **more | {"wrong": problem(error), "gone": asked.board})
        return self._put(board, asked.owner, **more)

    def _put(self, board: Storyboard, owner: str, **more: Any) -> Updates:
        told = {"board": board.id, "making": bool(board.turns)}
        return self._shown(self._views.one(board, owner), **told, **more)

    def _all(self, owner: str, **more: Any) -> Updates:
        return self._shown(self._views.all(owner), board="", **more)

    def _shown(self, html: str, **more: Any) -> Updates:
        # The number makes it another value: the script draws what it is told once more.
        return {self._part: {"html": html, "number": secrets.token_hex(4), **more}}

    def _settings_now(self, draft: Any) -> dict[str, Any]:
        """What the fields on Create say of all shots."""
        form, card = Form.read(draft, self._presets), self._studio.model_card()
        # A preset may want a picture, which no shot has.
        form = replace(form.made_with(card), preset=self._presets.default_preset)
        return self._shared(form.recipe_data(self._presets, card))

    def _shared(self, data: Mapping[str, Any]) -> dict[str, Any]:
        told = {name: value for name, value in data.items() if name in SHARED}
        return read_settings(told, self._presets, max_volume=self._most)

    def _read(
        self, asked: list[AskedShot], settings: Mapping[str, Any], known: list[str]
    ) -> tuple[Shot, ...]:
        presets, most = self._presets, self._most
        return read_shots(asked, settings, presets, known=known, max_volume=most)

    def _begin(self, asked: Asked) -> Storyboard:
        settings = self._settings_now(asked.draft)
        length = Form.read(asked.draft, self._presets).num_frames
        shot = validated(AskedShot, {"prompt": asked.text("text"), "num_frames": length})
        shots = self._read([shot], settings, [])
        check_shots(shots, settings, lambda each: self._studio.usable(each, asked.owner))
        return self._boards.add("", settings, shots, asked.owner)

    def _from_take(self, asked: Asked) -> Storyboard:
        """One whose first shot is a take that there is."""
        take = self._studio.library.take(asked.text("take"), asked.owner)
        data = request_data(take.recipe)
        settings = self._shared({name: value for name, value in data.items() if name != "seed"})
        shot = {name: data[name] for name in ("num_frames", "seed")}
        shot["prompt"] = as_typed(data["prompt"])
        shots = self._read([validated(AskedShot, shot)], settings, [])
        board = self._boards.add(take.name, settings, shots, asked.owner)

        def made(now: Storyboard) -> Storyboard:
            return now.with_shot(shots[0].id, takes=(take.id,), chosen=take.id)

        return self._boards.change(board.id, asked.owner, made)

    def _change(
        self,
        asked: Asked,
        change: Callable[[list[AskedShot], Storyboard], list[AskedShot]],
        name: str | None = None,
        settings: Mapping[str, Any] | None = None,
        field: str = "",
    ) -> Storyboard:
        """Change a storyboard's shots, its name or what its shots share.

        Args:
            field: what of the shot, or of the storyboard, would be replaced.

        Raises:
            ChangedMeanwhile: that is not what the page takes for written there.
        """

        def changed(board: Storyboard) -> Storyboard:
            shared = board.settings if settings is None else settings
            shots = change(asked_again(board.shots), board)
            shots[0] = shots[0].model_copy(update={"join": "cut"})
            known = [shot.id for shot in board.shots]
            read = self._read(shots, shared, known)
            # A storyboard of which a LoRA went away meanwhile may still get another name.
            if name is None:
                check_shots(read, shared, lambda each: self._studio.usable(each, asked.owner))
            after = edited(board, board.name if name is None else name, shared, read)
            if after != board and asked.was and field:
                Field(asked.shot, field).check(board, asked.was, self._presets)
            return after

        return self._boards.change(asked.board, asked.owner, changed)

    def _add(self, asked: Asked) -> Storyboard:
        def more(shots: list[AskedShot], board: Storyboard) -> list[AskedShot]:
            told = {"prompt": asked.text("text"), "join": asked.text("join") or "cut"}
            length = {"seconds": asked.text("seconds").strip() or 0}
            return [*shots, validated(AskedShot, told | length)]

        return self._change(asked, more)

    def _write(self, asked: Asked) -> Storyboard:
        field, text = asked.text("field"), asked.text("text")
        if field == "name":
            return self._change(asked, lambda shots, board: shots, name=text, field=field)

        def written(shots: list[AskedShot], board: Storyboard) -> list[AskedShot]:
            place = board.place(asked.shot)
            if field in WRITABLE:
                shots[place] = with_text(shots[place], field, text)
            return shots

        return self._change(asked, written, field=field if field in WRITABLE else "")

    def _move(self, asked: Asked) -> Storyboard:
        by = -1 if asked.text("by") == "-1" else 1

        def moved(shots: list[AskedShot], board: Storyboard) -> list[AskedShot]:
            place = board.place(asked.shot)
            shots.insert(max(0, place + by), shots.pop(place))
            return shots

        return self._change(asked, moved)

    def _remove(self, asked: Asked) -> Storyboard:
        def rest(shots: list[AskedShot], board: Storyboard) -> list[AskedShot]:
            if len(shots) > 1:
                del shots[board.place(asked.shot)]
            return shots

        return self._change(asked, rest, field="prompt")

    def _settings(self, asked: Asked) -> Storyboard:
        now = self._settings_now(asked.draft)
        return self._change(asked, lambda shots, board: shots, settings=now)

    def _choose(self, asked: Asked) -> Storyboard:
        take = self._studio.library.take(asked.text("take"), asked.owner)
        return self._boards.change(
            asked.board, asked.owner, lambda board: chosen_again(board, asked.shot, take.id)
        )

    def _delete(self, asked: Asked) -> None:
        self._director.delete(asked.board, asked.owner)

    def connect(self) -> None:
        """Connect the component's events with this class's methods."""
        on(self._part.look, self.show, None, {self._part}, how=LATEST)
        on(self._part.act, self.act, {self._draft}, {self._part}, how=EACH)


def _wrong(error: StudioError, *, asks: bool) -> str:
    """What is wrong; where something else is written by now, that.

    Args:
        asks: whether what was typed may replace it.
    """
    present = error.present if isinstance(error, ChangedMeanwhile) else None
    if present is None:
        return problem(error)
    return render("board_changed.html", **present, asks=asks)
