"""Helper fields become one paragraph; advice on what the paragraph leaves out."""

from __future__ import annotations

import re

from ltx_ui.presets import Presets, Vocabulary
from ltx_ui.recipe import PromptFields
from ltx_ui.words import as_sentence, is_latin, joined, squeeze, word_count

_SHORT_PROMPT_WORDS = 5
"""Fewer words than this leave most of the picture to chance: the guide's bad example has two."""
_COMMON_SHARE = 0.15
"""An English text has more common words than this; a Spanish or German one with a stray "a" or
"in" has fewer."""


def compile_prompt(fields: PromptFields, presets: Presets) -> str:
    """One paragraph from the prompt and its helper fields.

    Speech comes first, in the pattern the model knows (``A person speaking: …``), then the scene,
    then light, sound and camera, each a sentence of its own as its script writes one. A phrase that
    the prompt already contains is not said twice. A prompt alone stays as it was typed, so that it
    makes the same clip as when the API is sent it.
    """
    scene = squeeze(fields.prompt)
    said = scene.lower()
    parts = [
        presets.speech_pattern.replace("{speech}", speech)
        if (speech := squeeze(fields.speech))
        else "",
        scene,
        *(squeeze(text) for text in (fields.lighting, fields.sound, fields.camera)),
    ]
    fresh = [part for i, part in enumerate(parts) if part and (i < 2 or part.lower() not in said)]
    return scene if fresh == [scene] else joined([as_sentence(part) for part in fresh])


def advise(
    fields: PromptFields, presets: Presets, *, has_reference: bool, include_audio: bool
) -> list[str]:
    """What the prompt leaves out, as sentences from presets.json; nothing for an empty prompt.

    What it does not mention is only said of a prompt in English, the language of the vocabulary.
    """
    advice, vocabulary = presets.advice, presets.vocabulary
    spoken, scene = fields.speech.strip(), fields.prompt.strip()
    whole = " ".join(
        (fields.prompt, fields.camera, fields.lighting, fields.sound, fields.speech)
    ).lower()
    if not whole.strip():
        return []
    findings = [
        (word_count(whole) < _SHORT_PROMPT_WORDS, advice.short_prompt),
        (bool(spoken) and not scene, advice.speech_without_scene),
    ]
    if _is_english(scene or spoken, vocabulary):
        heard = bool(spoken) or _mentions(whole, vocabulary.sound)
        findings += [
            (include_audio and not heard, advice.no_sound),
            (has_reference and not _mentions(whole, vocabulary.motion), advice.no_motion),
            (not _mentions(whole, vocabulary.camera), advice.no_camera),
            (not _mentions(whole, vocabulary.lighting), advice.no_lighting),
        ]
    return [sentence for holds, sentence in findings if holds]


def _is_english(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a text is English as far as can be told: too short to tell counts as English."""
    words, lower = word_count(text), text.lower()
    if not is_latin(text):
        return False
    if not vocabulary.common or words < _SHORT_PROMPT_WORDS:
        return True
    known = (vocabulary.camera, vocabulary.lighting, vocabulary.sound, vocabulary.motion)
    if any(_mentions(lower, kind) for kind in known):
        return True
    common = re.findall(rf"\b(?:{'|'.join(map(re.escape, vocabulary.common))})\b", lower)
    return len(common) >= _COMMON_SHARE * words


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    ends = (
        re.escape(word[:-1]) if word.endswith("*") else rf"{re.escape(word)}\b" for word in words
    )
    return re.search(rf"\b(?:{'|'.join(ends)})", text) is not None
