"""Helper fields become one paragraph; advice on what the paragraph leaves out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ltx_ui.presets import Presets

_SHORT_PROMPT_WORDS = 5
"""Fewer words than this leave most of the picture to chance: the guide's bad example has two."""


@dataclass(frozen=True)
class PromptFields:
    """What a creator typed: the prompt and its helper fields, any of which may be empty."""

    prompt: str = ""
    camera: str = ""
    lighting: str = ""
    sound: str = ""
    speech: str = ""


def compile_prompt(fields: PromptFields, presets: Presets) -> str:
    """One paragraph from the prompt and its helper fields.

    Speech comes first, in the pattern the model knows (``A person speaking: …``), then the scene,
    then light, sound and camera, each a sentence of its own. A phrase that the prompt already
    contains is not said twice.
    """
    scene = _squeeze(fields.prompt)
    said = scene.lower()
    parts = [
        presets.speech_pattern.replace("{speech}", speech)
        if (speech := _squeeze(fields.speech))
        else "",
        scene,
        *(_squeeze(text) for text in (fields.lighting, fields.sound, fields.camera)),
    ]
    fresh = [part for i, part in enumerate(parts) if part and (i < 2 or part.lower() not in said)]
    return " ".join(_sentence(part) for part in fresh)


def advise(
    fields: PromptFields, presets: Presets, *, has_reference: bool, include_audio: bool
) -> list[str]:
    """What the prompt leaves out, as sentences from presets.json; nothing for an empty prompt."""
    advice, vocabulary = presets.advice, presets.vocabulary
    spoken, scene = fields.speech.strip(), fields.prompt.strip()
    whole = " ".join(
        (fields.prompt, fields.camera, fields.lighting, fields.sound, fields.speech)
    ).lower()
    words = whole.split()
    if not words:
        return []
    heard = _mentions(whole, vocabulary.sound)
    findings = [
        (len(words) < _SHORT_PROMPT_WORDS, advice.short_prompt),
        (bool(spoken) and not scene, advice.speech_without_scene),
        (include_audio and not spoken and not heard, advice.no_sound),
        (has_reference and not _mentions(whole, vocabulary.motion), advice.no_motion),
        (not _mentions(whole, vocabulary.camera), advice.no_camera),
        (not _mentions(whole, vocabulary.lighting), advice.no_lighting),
    ]
    return [sentence for holds, sentence in findings if holds]


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    ends = (
        re.escape(word[:-1]) if word.endswith("*") else rf"{re.escape(word)}\b" for word in words
    )
    return re.search(rf"\b(?:{'|'.join(ends)})", text) is not None


def _squeeze(text: str) -> str:
    return " ".join(text.split())


def _sentence(text: str) -> str:
    """Capital first letter and an end mark, the creator's own words otherwise untouched."""
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?", "…", "”", '"', "。", "！", "？")) else f"{text}."
