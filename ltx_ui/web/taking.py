"""What may be taken from a take into the fields: all, the seed, the prompt, or all but the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

from ltx_ui.inputs import CONTROL
from ltx_ui.presets import Presets
from ltx_ui.recipe import PromptFields, Recipe
from ltx_ui.studio.jobs import Origin
from ltx_ui.studio.takes import Take
from ltx_ui.web.form import Form
from ltx_ui.web.language import t


@dataclass(frozen=True)
class Way:
    """A way to fill the fields from a take.

    Attributes:
        label, hint, done: what its button says, what that means, and what is said once the fields
            are filled, as texts of the catalogue.
        filled: the form after it, of the present one and the take's.
        takes_all: whether it is the whole recipe that is taken, but for its seed perhaps.
        varies: whether what is generated of it then is a variation of the take.
    """

    label: str
    hint: str
    done: str
    filled: Callable[[Form, Form], Form]
    takes_all: bool = False
    varies: bool = False

    def form(self, now: Form, take: Take, presets: Presets) -> Form:
        """The form after it."""
        return self.filled(now, Form.from_recipe(take.recipe, presets))

    def origin(self, take: Take) -> Origin | None:
        """Where what is generated then comes from."""
        return Origin(take.id, "variation") if self.varies else None


def _with_seed(now: Form, of_take: Form) -> Form:
    return replace(now, seed=of_take.seed, seed_locked=True)


def _with_prompt(now: Form, of_take: Form) -> Form:
    words = {each.name: getattr(of_take, each.name) for each in fields(PromptFields)}
    return replace(now, **words)


def _but_seed(now: Form, of_take: Form) -> Form:
    return replace(of_take, seed=now.seed, seed_locked=now.seed_locked)


WAYS: Mapping[str, Way] = {
    "use_all": Way(
        *("take.use_all", "opened.use_all_hint", "filled.recipe"),
        lambda now, of_take: of_take,
        takes_all=True,
    ),
    "use_seed": Way("take.use_seed", "opened.use_seed_hint", "filled.seed", _with_seed),
    "use_prompt": Way("opened.use_prompt", "opened.use_prompt_hint", "filled.prompt", _with_prompt),
    "remix": Way(
        "opened.remix", "opened.remix_hint", "filled.remix", _but_seed, takes_all=True, varies=True
    ),
}
"""The ways, by the names that the page's script has for them."""


def is_of_a_film(recipe: Recipe) -> bool:
    """Whether a clip is made from a film, for which the fields have no place."""
    return any(name != CONTROL for name, _ in recipe.inputs.films())


def lost(recipe: Recipe) -> str:
    """What of a recipe the fields have no place for, as a sentence; empty where they have all."""
    if not is_of_a_film(recipe):
        return ""
    return t("filled.no_film" if recipe.inputs.retake is None else "filled.no_part")


def with_loss(words: str, recipe: Recipe) -> str:
    """What was done, and what of a recipe was lost in it."""
    return f"{words} {lost(recipe)}".rstrip()
