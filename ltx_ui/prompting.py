"""A prompt and its helper fields become one text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import regex

from ltx_ui.mentions import spelled_out
from ltx_ui.presets import Presets
from ltx_ui.recipe import PromptFields
from ltx_ui.words import as_sentence, joined, quoted, squeeze, tidy_lines

NOBODY: Mapping[str, str] = {}

_LINE = regex.compile(
    r"(?P<cue>[^\p{Ll}\W\d_][\w.'’-]*(?: [\w.'’-]+){0,3}"
    r"(?:\s*[(（][^()（）]{1,80}[)）])?\s*"
    r"(?:：|:(?=[\s\p{Pi}\p{Ps}\"'])))\s*(?P<words>\S.*)"
)
"""A name of four words at most, which begins with a capital letter where its script has them; how
it is said, in brackets; a colon, which is none of a time or an address; what is said."""


@dataclass(frozen=True)
class Line:
    """What one speaker says.

    Attributes:
        words: in quotes only if they were typed so.
        cue: who says them and how, with its colon, as typed: ``Ben (whispering):``. Empty where
            nobody is named.
    """

    words: str
    cue: str = ""

    def sentence(self, presets: Presets) -> str:
        """The line as the model knows it.

        With a cue, as a script has it and the examples of Lightricks' guide do, the words in the
        quotes of their script: ``Ben (whispering): “Not yet.”`` Without, in presets.json's pattern.
        """
        if not self.cue:
            return presets.speech_pattern.replace("{speech}", self.words)
        return joined([self.cue, quoted(self.words)])


def spoken_lines(speech: str) -> list[Line]:
    """The lines of a speech field, in turn; a text in which nobody is named is one line.

    ``Anna: We made it.`` is said by Anna, ``Ben (whispering): Not yet.`` by Ben in a whisper.
    """
    lines = [_line(text) for row in speech.splitlines() if (text := squeeze(row))]
    if any(line.cue for line in lines):
        return lines
    return [Line(text)] if (text := squeeze(speech)) else []


def _line(text: str) -> Line:
    found = _LINE.fullmatch(text)
    return Line(found["words"], found["cue"]) if found else Line(text)


def compile_prompt(fields: PromptFields, presets: Presets, cast: Mapping[str, str] = NOBODY) -> str:
    """One text from the prompt and its helper fields, in the order that LTX-2's authors write.

    The scene comes first, then the camera, then the light (Lightricks/LTX-2, README.md, "Prompting
    for LTX-2"), then what is heard: sounds, and what named speakers say in turn (their guide,
    https://ltx.io/model/model-blog/prompting-guide-for-ltx-2, "Key aspects to include"). Words that
    nobody is named for stand before the scene, which says who speaks them. Each is a sentence of
    its own as its script writes one. A phrase that the prompt already contains is not said twice.
    A prompt alone stays as it was typed, so that it makes the same clip as when the API is sent it;
    its lines are kept in any case.

    Args:
        cast: the words that stand for ``@name`` in the prompt, by name.
    """
    scene, lines = tidy_lines(spelled_out(fields.prompt, cast)), spoken_lines(fields.speech)
    said = [line.sentence(presets) for line in lines]
    named = any(line.cue for line in lines)
    helpers = (squeeze(text) for text in (fields.camera, fields.lighting, fields.sound))
    seen = squeeze(scene).lower()
    fresh = [text for text in helpers if text and text.lower() not in seen]
    parts = [
        *([] if named else said),
        *([scene] if scene else []),
        *fresh,
        *(said if named else []),
    ]
    return scene if parts == [scene] else joined([as_sentence(part) for part in parts])
