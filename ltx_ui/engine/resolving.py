"""Finds the model card for ``--model``, or for a folder by its configuration."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from ltx_ui.engine.models import CARDS, ModelCard
from ltx_ui.errors import ModelUnavailable

_REPO = re.compile(r"[\w-]+/[\w.-]+")


def resolve(model: str, cuda: bool) -> ModelCard:
    """The card for what the operator asked for.

    Args:
        model: ``auto``, a card's id, a repo on Hugging Face, or a folder in the diffusers layout.
        cuda: whether ``auto`` means LTX-2, and not the demo.

    Raises:
        ModelUnavailable: it is none of these, or the folder is not a pipeline.
    """
    if model == "auto":
        return CARDS["ltx-2" if cuda else "demo"]
    if model in CARDS:
        return CARDS[model]
    for card in CARDS.values():
        if model == card.source:
            return card
    folder = Path(model).expanduser()
    if folder.exists():
        return card_of_folder(folder)
    if _REPO.fullmatch(model):
        return replace(
            _family(model.lower()), id=model, title=model.partition("/")[2], source=model
        )
    raise ModelUnavailable(
        f"There is no model {model!r}. Use --model with one of {', '.join(CARDS)}, with a folder "
        "that exists, or with a repo on Hugging Face such as Lightricks/LTX-2."
    )


def card_of_folder(folder: Path) -> ModelCard:
    """The card of a pipeline saved on disk, by its own configuration. Unless that tells another
    family, it is run like LTX-2.

    Raises:
        ModelUnavailable: the folder is not an LTX-2 pipeline in the diffusers layout.
    """
    index = read_json(folder / "model_index.json")
    if not str(index.get("_class_name", "")).startswith("LTX2"):
        raise ModelUnavailable(
            f"{folder} holds {index.get('_class_name', 'no pipeline')}, not an LTX-2 pipeline. Use "
            "a folder in the diffusers layout whose model_index.json names an LTX2 pipeline."
        )
    family = "2.5" if "Gemma4" in str(index.get("text_encoder")) else "2.0"
    if family == "2.0" and read_json(folder / "connectors" / "config.json").get(
        "per_modality_projections"
    ):
        family = "2.3"
    schedule = read_json(folder / "scheduler" / "scheduler_config.json")
    name = f"{family} {'distilled' if schedule.get('use_dynamic_shifting') is False else ''}"
    return replace(_family(name), id=str(folder), title=folder.name, source=str(folder))


def _family(name: str) -> ModelCard:
    """The known card of the family that a name belongs to."""
    if "2.5" in name:
        return CARDS["ltx-2.5"]
    version = "ltx-2.3" if "2.3" in name else "ltx-2"
    return CARDS[f"{version}-distilled" if "distilled" in name else version]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a checkpoint's configuration.

    Raises:
        ModelUnavailable: it is not there, or can't be read.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelUnavailable(
            f"{path} is missing, so this is not a complete pipeline in the diffusers layout. Check "
            "the path given to --model, or download the model again."
        ) from None
    except (OSError, ValueError) as error:
        raise ModelUnavailable(
            f"{path} can't be read ({error}). Download the model again."
        ) from None
    return data if isinstance(data, dict) else {}
