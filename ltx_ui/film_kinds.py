"""Every kind of film that a clip may be made from: as it is asked for, completed and told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ltx_ui import controlling, extending, new_sound, retaking, upscaling
from ltx_ui.given_films import GivenFilm
from ltx_ui.inputs import CONTROL, EXTEND, PICTURE_OF, RETAKE, UPSCALE, Inputs

FILM_KINDS: Mapping[str, type[GivenFilm]] = {
    EXTEND: extending.SentFilm,
    RETAKE: retaking.SentRetake,
    PICTURE_OF: new_sound.SentSeen,
    UPSCALE: upscaling.SentSmall,
    CONTROL: controlling.SentControl,
}
"""What each field is that names a film."""

SETTLE = {
    EXTEND: extending.settled,
    RETAKE: retaking.settled,
    PICTURE_OF: new_sound.settled,
    UPSCALE: upscaling.settled,
    CONTROL: controlling.settled,
}
"""What completes a recipe by each kind of film."""

_AS_SENT: Mapping[str, Any] = {
    EXTEND: extending.as_sent,
    RETAKE: retaking.as_sent,
    PICTURE_OF: new_sound.as_sent,
    UPSCALE: upscaling.as_sent,
    CONTROL: controlling.as_sent,
}


def sent_films(inputs: Inputs) -> dict[str, Any]:
    """A recipe's films under the API's names."""
    return {name: _AS_SENT[name](film) for name, film in inputs.films()}
