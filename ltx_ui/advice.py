"""Advice on a draft: what it leaves out or says twice over, each with the change that settles it.

The sentences are in presets.json. What counts as a sound, a camera or a motion, and which phrases
are offered, follows the model where it has words of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any, Protocol

from ltx_ui.geometry import TEMPORAL_COMPRESSION, whole_frames
from ltx_ui.phrases import Phrases, Vocabulary, Words, fitting, mentions, without
from ltx_ui.presets import Presets, rounded_seconds
from ltx_ui.prompting import spoken_lines
from ltx_ui.recipe import DEFAULT_NEGATIVE_PROMPT, MAX_FRAMES, MIN_FRAMES
from ltx_ui.texts import language_of, number, translate
from ltx_ui.words import (
    as_sentence,
    is_latin,
    joined,
    quotations,
    quoted,
    squeeze,
    word_count,
)

MOST = 3
"""Findings that are told at once."""
WORDS_A_SECOND = 2.5
"""150 words a minute, the mean of English as it is spoken in the United States, by the National
Center for Voice and Speech."""

_HURRY = 1.25
"""How much faster than that somebody may speak before it is too much for a clip."""
_SHORT_PROMPT_WORDS = 5
"""Fewer words than this leave most of the picture to chance: the guide's bad example has two."""
_COMMON_SHARE = 0.15
"""An English text has more common words than this; a Spanish or German one with a stray "a" or
"in" has fewer."""
_CLAUSE = re.compile(r"[^,;.]+(?:[,;.]\s*|$)")
_AROUND_A_CAMERA: Words = ("a", "an", "the", "in", "with", "as", "and", "from", "on", "camera")
_SAID_AFTER_A_COLON = re.compile(r"(?P<before>[^:：]*[:：]\s*)(?P<said>[^.!?。！？]+[.!?。！？]?)")


class Draft(Protocol):
    """What advice reads of the page's form, by the names of its fields."""

    @property
    def prompt(self) -> str: ...
    @property
    def camera(self) -> str: ...
    @property
    def lighting(self) -> str: ...
    @property
    def sound(self) -> str: ...
    @property
    def speech(self) -> str: ...
    @property
    def negative_prompt(self) -> str: ...
    @property
    def guidance_scale(self) -> float: ...
    @property
    def num_frames(self) -> int: ...
    @property
    def fps(self) -> int: ...
    @property
    def include_audio(self) -> bool: ...
    @property
    def image_start(self) -> str | None: ...


class Knows(Protocol):
    """What advice reads of a model's card."""

    @property
    def vocabulary(self) -> Vocabulary | None: ...
    @property
    def phrases(self) -> Phrases | None: ...
    @property
    def takes_guidance(self) -> bool: ...


@dataclass(frozen=True)
class Fix:
    """A change that settles a finding.

    Attributes:
        label: what to call it, in a few words.
        fields: names of the form's fields, with their new values.
    """

    label: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """Something that a draft leaves out or that can't be as it says.

    Attributes:
        name: of the rule that found it.
    """

    name: str
    sentence: str
    fix: Fix | None = None


def advise(
    draft: Draft, presets: Presets, model: Knows | None = None, language: str = "en"
) -> list[Finding]:
    """What to change in a draft, the most useful first, three findings at most; none where nothing
    was written.

    What a prompt does not mention is only said of one in English, the language of the vocabulary.

    Args:
        model: the card of the model that is loaded; None, and presets.json alone tells its words.
        language: that findings and fixes are told in, as a tag of BCP 47. English sentences are
            those of presets.json; one that it leaves empty is told in no language.
    """
    reading = _Reading(draft, presets, model, language_of(language))
    return list(islice(_findings(reading), MOST)) if reading.whole.strip() else []


def _findings(reading: _Reading) -> Iterator[Finding]:
    for name, rule in _RULES.items():
        if not getattr(reading.presets.advice, name):
            continue
        if (found := rule(reading)) is not None:
            sentence = told(name, reading.presets, reading.language, found.values)
            yield Finding(name, sentence, found.fix)


def told(name: str, presets: Presets, language: str, values: Mapping[str, str | float]) -> str:
    """The sentence of a finding: in English as presets.json has it, otherwise the catalogue's.
    Braces of a sentence that none of the values is for stay."""
    if language != "en":
        return translate(f"advice.{name}", language, **values)
    sentence: str = getattr(presets.advice, name)
    for key, value in values.items():
        shown = value if isinstance(value, str) else number(value, language)
        sentence = sentence.replace(f"{{{key}}}", shown)
    return sentence


@dataclass(frozen=True)
class _Found:
    fix: Fix | None = None
    values: Mapping[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Reading:
    """A draft, and what is told of it."""

    draft: Draft
    presets: Presets
    model: Knows | None
    language: str

    def fix(self, text_id: str, fields: Mapping[str, Any], **values: str | float) -> _Found:
        """A finding with a fix, whose label is a text of the catalogue."""
        return _Found(Fix(translate(text_id, self.language, **values), fields))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        own = self.model.vocabulary if self.model else None
        return self.presets.vocabulary + own if own else self.presets.vocabulary

    @cached_property
    def phrases(self) -> Phrases:
        return (self.model.phrases if self.model else None) or self.presets.phrases

    @cached_property
    def speaks(self) -> bool:
        """Whether the model can speak; one with phrases of its own that has none for it can't."""
        own = self.model.phrases if self.model else None
        return own is None or bool(own.speech)

    @cached_property
    def whole(self) -> str:
        draft = self.draft
        return " ".join((draft.prompt, draft.camera, draft.lighting, draft.sound, draft.speech))

    @cached_property
    def scene(self) -> str:
        return squeeze(self.draft.prompt)

    @cached_property
    def spoken(self) -> list[str]:
        """What the speech field has said, line by line, without the names of who says it."""
        return [line.words for line in spoken_lines(self.draft.speech)] if self.speaks else []

    @cached_property
    def english(self) -> bool:
        """Whether the text is English as far as can be told: too short to tell counts as such."""
        text, vocabulary = self.scene or squeeze(self.draft.speech), self.vocabulary
        if not is_latin(text):
            return False
        if not vocabulary.common or word_count(text) < _SHORT_PROMPT_WORDS:
            return True
        kinds = (vocabulary.camera, vocabulary.lighting, vocabulary.sound, vocabulary.motion)
        if any(mentions(text, kind) for kind in kinds):
            return True
        common = sum(mentions(word, vocabulary.common) for word in text.split())
        return common >= _COMMON_SHARE * word_count(text)

    def leaves_out(self, words: Words) -> bool:
        return self.english and not mentions(self.whole, words)

    @cached_property
    def quotes(self) -> list[str]:
        """What the prompt itself has in quotes."""
        return quotations(self.scene)

    @cached_property
    def has_voice(self) -> bool:
        """Whether the prompt says that somebody speaks."""
        return mentions(self.scene, self.vocabulary.speech + self.vocabulary.voice)


def _speech_unheard(reading: _Reading) -> _Found | None:
    if reading.speaks or not reading.draft.speech.strip():
        return None
    return reading.fix("fix.leave_speech_out", {"speech": ""})


def _speech_too_long(reading: _Reading) -> _Found | None:
    draft = reading.draft
    said = [*reading.spoken, *(reading.quotes if reading.has_voice else ())]
    needed = sum(map(word_count, said)) / WORDS_A_SECOND
    lasts = draft.num_frames / draft.fps
    if not reading.speaks or needed <= lasts * _HURRY:
        return None
    values = {"needed": round(needed, 1), "lasts": round(lasts, 1)}
    frames = frames_for(needed, draft.fps)
    if frames is None:
        return _Found(values=values)
    label = translate("fix.length", reading.language, count=rounded_seconds(frames, draft.fps))
    return _Found(Fix(label, {"num_frames": frames}), values)


def frames_for(seconds: float, fps: int) -> int | None:
    """Frames of the shortest clip that lasts so long; None where none does."""
    frames = math.ceil(seconds * fps) + TEMPORAL_COMPRESSION - 1
    enough = max(MIN_FRAMES, whole_frames(frames))
    return enough if enough <= MAX_FRAMES else None


def _two_cameras(reading: _Reading) -> _Found | None:
    draft, words = reading.draft, reading.vocabulary
    camera, prompt = squeeze(draft.camera), reading.scene
    both = f"{camera}. {prompt}"
    if not (mentions(both, words.static) and mentions(both, words.moving)):
        return None
    if mentions(both, words.then):
        return None
    if camera and mentions(prompt, words.static) != mentions(prompt, words.moving):
        return reading.fix("fix.drop", {"camera": ""}, phrase=camera)
    name, text = ("camera", camera) if mentions(camera, words.static) else ("prompt", prompt)
    return _drop_static(reading, name, text)


def _drop_static(reading: _Reading, name: str, text: str) -> _Found:
    """Leave the part of a text out that is about a camera that stands still and nothing else."""
    clauses, static = _CLAUSE.findall(text), reading.vocabulary.static
    for index, clause in enumerate(clauses):
        rest = without(without(clause, static), _AROUND_A_CAMERA)
        if mentions(clause, static) and word_count(rest) == 0:
            kept = "".join(clauses[:index] + clauses[index + 1 :]).rstrip(" ,;")
            return reading.fix("fix.drop", {name: kept}, phrase=clause.strip(" ,;."))
    return _Found()


def _no_motion(reading: _Reading) -> _Found | None:
    if reading.draft.image_start is None or not reading.leaves_out(reading.vocabulary.motion):
        return None
    own = reading.phrases.motion
    moving = own[0].text if own else reading.presets.reference_prompt
    sentences = [as_sentence(text) for text in (reading.scene, moving) if text]
    return reading.fix("fix.add", {"prompt": joined(sentences)}, phrase=moving)


def _short_prompt(reading: _Reading) -> _Found | None:
    return _Found() if word_count(reading.whole) < _SHORT_PROMPT_WORDS else None


def _negative_without_effect(reading: _Reading) -> _Found | None:
    draft, model = reading.draft, reading.model
    if squeeze(draft.negative_prompt) in ("", DEFAULT_NEGATIVE_PROMPT):
        return None
    if model is not None and not model.takes_guidance:
        return reading.fix("fix.empty_negative", {"negative_prompt": ""})
    if draft.guidance_scale > 1:
        return None
    guidance = reading.presets.preset_settings(reading.presets.default_preset)["guidance_scale"]
    return reading.fix("fix.guidance", {"guidance_scale": guidance}, guidance=guidance)


def _no_sound(reading: _Reading) -> _Found | None:
    unheard = not reading.spoken and reading.leaves_out(reading.vocabulary.sound)
    if not reading.draft.include_audio or reading.draft.sound.strip() or not unheard:
        return None
    phrase = fitting(reading.phrases.sound, reading.whole)
    if phrase is None:
        return reading.fix("fix.sound_off", {"include_audio": False})
    return reading.fix("fix.add", {"sound": phrase.text}, phrase=phrase.text)


def _speech_without_quotes(reading: _Reading) -> _Found | None:
    speech = reading.vocabulary.speech
    if not reading.speaks or reading.spoken or reading.quotes:
        return None
    if not mentions(reading.scene, speech):
        return None
    found = _SAID_AFTER_A_COLON.match(reading.scene)
    if found is None or not mentions(found["before"], speech):
        return _Found()
    said = quoted(found["said"].strip())
    prompt = f"{found['before']}{said}{reading.scene[found.end() :]}"
    return reading.fix("fix.quotes", {"prompt": prompt})


def _speech_without_speaker(reading: _Reading) -> _Found | None:
    long = [quote for quote in reading.quotes if word_count(quote) > 1]
    if not long or not reading.speaks or reading.has_voice or not reading.english:
        return None
    before, _, after = reading.scene.partition(long[0])
    named = before.rstrip().endswith((":", "：")) or mentions(after, reading.vocabulary.speech)
    return None if named or mentions(before, reading.vocabulary.writing) else _Found()


def _speech_without_scene(reading: _Reading) -> _Found | None:
    return _Found() if reading.spoken and not reading.scene else None


def _no_camera(reading: _Reading) -> _Found | None:
    if not reading.phrases.camera or reading.draft.camera.strip():
        return None
    if not reading.leaves_out(reading.vocabulary.camera):
        return None
    still = (p.text for p in reading.phrases.camera if mentions(p.text, reading.vocabulary.static))
    text = next(still, None)
    return reading.fix("fix.add", {"camera": text}, phrase=text) if text else _Found()


def _no_lighting(reading: _Reading) -> _Found | None:
    """A picture has its light: Lightricks' prompts for image-to-video say what changes in it and
    nothing else (``I2V_DEFAULT_SYSTEM_PROMPT`` in diffusers/pipelines/ltx2/utils.py)."""
    draft, own = reading.draft, reading.phrases.lighting
    if draft.image_start is not None or not own or draft.lighting.strip():
        return None
    if not reading.leaves_out(reading.vocabulary.lighting):
        return None
    phrase = fitting(own, reading.whole)
    if phrase is None:
        return _Found()
    return reading.fix("fix.add", {"lighting": phrase.text}, phrase=phrase.text)


_RULES: Mapping[str, Callable[[_Reading], _Found | None]] = {
    "speech_unheard": _speech_unheard,
    "speech_too_long": _speech_too_long,
    "two_cameras": _two_cameras,
    "no_motion": _no_motion,
    "negative_without_effect": _negative_without_effect,
    "short_prompt": _short_prompt,
    "no_sound": _no_sound,
    "speech_without_quotes": _speech_without_quotes,
    "speech_without_speaker": _speech_without_speaker,
    "speech_without_scene": _speech_without_scene,
    "no_camera": _no_camera,
    "no_lighting": _no_lighting,
}
"""The rules, the most useful first: what makes a clip fail, then what could make it better."""
