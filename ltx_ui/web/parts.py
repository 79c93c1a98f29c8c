"""What belongs to other tabs and to dialogs: scripts and styles that come when first needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter

from ltx_ui.web.kept_folder import KeptFolder
from ltx_ui.web.templating import asset, render


@dataclass(frozen=True)
class Part:
    """A part of the page; its files are in ``assets``.

    Attributes:
        components: scripts of components, each with the events that it triggers. One runs for its
            component once both are there.
        scripts: those that these use; they run once, in this order.
        styles: style sheets.
        begins: events at the first of which the part is fetched, and which then happen again for
            it: the page's own, with a colon in their names, a browser's on a component's element,
            and after "document:" anywhere. Without any it is fetched when its components are on
            the page.
    """

    components: Mapping[str, tuple[str, ...]]
    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()


FIRST = Part(
    components={
        "actions.js": ("act",),
        "disclosure.js": (),
        "helper.js": (),
        "segments.js": ("chosen",),
        "sheets.js": (),
        "typing.js": ("paused", "bring"),
        "undo.js": ("undo", "restore"),
        "wake.js": ("due", "woke"),
    },
    scripts=(
        "keeping.js",
        "calls.js",
        "parts.js",
        "presets.js",
        "notes.js",
        "numbers.js",
        "generate.js",
        "following.js",
        "popovers.js",
        "opening.js",
    ),
    styles=("style.css",),
)
"""What comes with the page itself: all that the Create tab needs at once."""

PARTS: Mapping[str, Part] = {
    "clip": Part({}, scripts=("sending.js", "step.js", "player.js"), styles=("clip.css",)),
    "picture": Part(
        {"picture.js": ("changed",)}, begins=("change", "click", "dragover", "drop", "picture")
    ),
    "recall": Part(
        {"recall.js": ("told",)},
        begins=(
            *("change", "click", "studio:told"),
            *(f"document:{drags}" for drags in ("dragstart", "dragend", "dragover", "drop")),
        ),
    ),
    "telling": Part({"telling.js": ()}, begins=("toggle", "change", "studio:done")),
    "gallery": Part(
        components={
            "sought.js": ("seek",),
            "along.js": (),
            "cards.js": ("seek", "more", "heart", "tag", "remove", "again"),
            "take_menu.js": ("seek", "note", "use_seed", "use_all", "follow"),
        },
        scripts=("rows.js", "peeking.js", "choosing.js", "bringing_back.js"),
        styles=("gallery.css", "along.css"),
    ),
    "seeds": Part(
        components={
            "shelf.js": ("look", "write", "heart", "save", "forget", "use", "try_seeds"),
            "sheet.js": ("act", "stop"),
        },
        styles=("seeds.css", "shelf.css"),
    ),
    "board": Part({"board.js": ("look", "act")}, styles=("board.css",)),
    "guide": Part({"guide.js": ("act",)}, styles=("guide.css",)),
    "opened": Part(
        components={"opened.js": ("ask", "weigh", "fill", "act", "left")},
        styles=("full.css", "opened.css"),
        begins=("studio:open",),
    ),
    "compare": Part(
        components={"compare.js": ("ask",)},
        styles=("full.css", "compare.css"),
        begins=("studio:compare",),
    ),
    "links": Part(
        components={"links.js": ()},
        styles=("links.css",),
        begins=("studio:share", "studio:link"),
    ),
    "people": Part(
        components={"people.js": ()},
        styles=("people.css",),
        begins=("studio:sheet",),
    ),
    "loras": Part(
        components={"loras.js": (), "followed.js": ("changed",)},
        styles=("loras.css",),
        begins=("studio:disclose", "studio:lora"),
    ),
    "keyframes": Part(
        components={"keyframes.js": ("changed",)},
        styles=("keyframes.css",),
        begins=("studio:keyframe",),
    ),
    "given_sound": Part(
        components={"given_sound.js": ("changed", "fit")},
        styles=("given_sound.css",),
        begins=("studio:sound",),
    ),
    "enhance": Part(
        components={"enhance.js": ("use",)},
        styles=("enhance.css",),
        begins=("studio:enhance",),
    ),
    "cast": Part(
        components={"mention.js": ("bring",)}, styles=("cast.css",), begins=("studio:mention",)
    ),
}
"""What comes later, by the names of its files. The first one comes with each of the others."""


def runs(script: str) -> str:
    """JavaScript that runs a component's script, for Gradio's ``js_on_load``. Gradio knows a
    component's events by their names in it."""
    part_name, part = next(
        ((name, part) for name, part in PARTS.items() if script in part.components), ("", FIRST)
    )
    given = "{element, trigger, props, watch}"
    events = ", ".join(f"'{event}'" for event in part.components[script])
    return f"studio.run('{script}', {given}, '{part_name}') // {events}"


_SPECIFIC = ".gradio-container.gradio-container .contain"
"""What Gradio puts before the selectors of the style sheets that it is given, so that they outdo
its own."""


def waits(name: str) -> list[str]:
    """Classes of what is not shown before a part's styles are there."""
    return ["waits", f"waits-{name}"]


def _script(part: Part) -> str:
    return str(render("part.js", scripts=part.scripts, components=part.components))


def _styles(name: str, part: Part) -> str:
    """A part's rules twice, as Gradio has those of the page's other style sheets: as they are, and
    for what is inside of Gradio's page."""
    rules = "\n".join(map(asset, part.styles))
    shown = f".{'.'.join(waits(name))} {{ visibility: inherit; }}"
    return f"{rules}\n{_SPECIFIC} {{\n{rules}\n{shown}\n}}\n"


def begins() -> dict[str, tuple[str, ...]]:
    """The events at which a part is fetched, for the page's script."""
    return {name: part.begins for name, part in PARTS.items()}


def _read() -> dict[str, bytes]:
    texts: dict[str, str] = {}
    for name, part in PARTS.items():
        texts |= {f"{name}.js": _script(part), f"{name}.css": _styles(name, part)}
    return {name: text.encode() for name, text in texts.items()}


FOLDER = KeptFolder("parts", _read)
"""Where a browser finds the parts."""


def router() -> APIRouter:
    """The route to the parts."""
    made = APIRouter(include_in_schema=False)
    FOLDER.add_to(made)
    return made
