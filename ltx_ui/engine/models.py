"""Model cards: each LTX-2 checkpoint and the settings to run it with, as data, without torch.

The guidance numbers are those of diffusers 0.42.1's documentation and of the checkpoints' model
cards; 2.0 and 2.3 differ in the block that spatio-temporal guidance (STG) perturbs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ltx_ui.engine.component_bytes import BYTES_19B, BYTES_22B, BYTES_LTX_2_5, KEPT_TEXT
from ltx_ui.engine.demo_words import DEMO_PHRASES, DEMO_VOCABULARY
from ltx_ui.errors import FieldProblem, InvalidRecipe
from ltx_ui.geometry import SPATIAL_COMPRESSION, grid_size
from ltx_ui.inputs import AUDIO
from ltx_ui.looping import times_sampled
from ltx_ui.phrases import Phrases, Vocabulary
from ltx_ui.recipe import Recipe

GB = 10**9
LICENCE = "LTX-2 Community License"
DISTILLED_SIGMAS = (1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875)
"""diffusers/pipelines/ltx2/utils.py, ``DISTILLED_SIGMA_VALUES``."""
STAGE_2_SIGMAS = (0.909375, 0.725, 0.421875)
"""diffusers/pipelines/ltx2/utils.py, ``STAGE_2_DISTILLED_SIGMA_VALUES``."""
UPSCALE_SIGMAS = STAGE_2_SIGMAS[1:]
"""For a film that is made larger. From the first one on another film comes of it: on the demo,
scaled down again, by 14.5 to 20.2 dB from it, and from the second one by 17.8 to 23.8 dB, with
edges as sharp."""
Schedule = Literal["authors", "diffusers", "fixed"]
"""How the noise levels of a run are spread over its steps.

``authors``: shifted as those of a clip of 4096 video tokens are, whatever the clip's own size. The
authors' one-stage and two-stage pipelines (Lightricks/LTX-2, ``packages/ltx-pipelines``) run their
``LTX2Scheduler`` without a latent, and 4096 is its ``default_number_of_tokens``.
``diffusers``: shifted by the clip's own token count, as the stock pipeline does.
``fixed``: the sigmas that a distilled model was trained for, as they are.
"""
_SHIFTED = {"use_dynamic_shifting": True, "shift_terminal": 0.1, "max_shift": 2.05}
SCHEDULES: Mapping[Schedule, Mapping[str, Any]] = {
    "authors": {**_SHIFTED, "base_shift": 2.05},
    "diffusers": {**_SHIFTED, "base_shift": 0.95},
    "fixed": {"use_dynamic_shifting": False, "shift_terminal": None},
}
"""The scheduler's settings for each schedule. A repo's own settings can't be relied on: LTX-2.5's
has the distilled transformer's scheduler for both of its transformers."""


@dataclass(frozen=True)
class Guidance:
    """Guidance in addition to classifier-free guidance. The defaults switch all of it off.

    The pipeline replaces an audio scale of 0 by the video's (``audio_x or x``), so the two scales
    of a kind have to be both on or both off.
    """

    stg_scale: float = 0.0
    audio_stg_scale: float = 0.0
    modality_scale: float = 1.0
    audio_modality_scale: float = 1.0
    guidance_rescale: float = 0.0
    audio_guidance_rescale: float = 0.0
    spatio_temporal_guidance_blocks: tuple[int, ...] = ()


def _high(block: int) -> Guidance:
    """STG, modality guidance and rescaling, as the model cards recommend for best quality."""
    return Guidance(1.0, 1.0, 3.0, 3.0, 0.7, 0.7, (block,))


@dataclass(frozen=True)
class ModelCard:
    """A checkpoint and the settings to run it with.

    Attributes:
        id: its name for ``--model``.
        title: its name on the page.
        source: the repo on Hugging Face, or a folder; empty for the built-in demo.
        revision: branch, tag or commit of the repo.
        licence: name of its licence; ``licence_url`` has the text.
        use_restrictions: whether it restricts what clips may be used for, and has those who let
            others use the model pass that on to them.
        audio_guidance_scale: classifier-free guidance for the sound.
        standard: guidance in addition to classifier-free guidance.
        high: likewise in the high mode; None where the checkpoint has no such mode.
        sigmas: the fixed schedule of a distilled model, which takes no guidance; empty for others.
        schedule: how the noise levels are spread over the steps.
        grid: pixels; clips are sampled with width and height in multiples of it.
        end_image_on_last_frame: whether an end image is the last frame, as with the authors. The
            stock pipeline places it where the last latent frame begins, seven frames earlier, and
            the demo was trained with that; images between the ends are placed by frame as well.
        image_crf: H.264 quality that reference images are brought to before they are encoded.
        use_cross_timestep: as the pipeline's argument of that name.
        perturbed_attn: load the transformer with the attention that STG needs.
        vocoder_float32: run the vocoder in float32 even where the rest is bfloat16.
        transformer_subfolder: the folder that holds the transformer.
        distilled_lora: the repo's LoRA file for the second of two stages, which makes the
            transformer follow a few steps; empty where it needs none or none is known.
        has_upsampler: whether the loaded checkpoint has all that clips in two stages need.
        hears: whether the loaded checkpoint can make clips to a given sound.
        component_bytes: bytes of each part in the precision it computes in on CUDA. Used before a
            checkpoint is here; then its own parameters are counted.
        text_bytes: likewise, of one text's keys and values; 0 where they are not cached.
        download_bytes: about the size of all files to download.
        knows: a line on what a model can show that knows only a small world; empty for others.
        examples: prompts for such a model, in the words it was trained on.
        phrases: likewise, in place of those in presets.json.
        vocabulary: words of its own, beside those in presets.json.
    """

    id: str
    title: str
    source: str
    revision: str = "main"
    licence: str = LICENCE
    use_restrictions: bool = True
    licence_url: str = "https://huggingface.co/Lightricks/LTX-2/blob/main/LICENSE"
    audio_guidance_scale: float = 7.0
    standard: Guidance = Guidance()
    high: Guidance | None = None
    sigmas: tuple[float, ...] = ()
    schedule: Schedule = "authors"
    grid: int = SPATIAL_COMPRESSION
    end_image_on_last_frame: bool = True
    image_crf: int = 33
    use_cross_timestep: bool = False
    perturbed_attn: bool = False
    vocoder_float32: bool = False
    transformer_subfolder: str = "transformer"
    distilled_lora: str = ""
    has_upsampler: bool = False
    hears: bool = True
    component_bytes: Mapping[str, int] = field(default_factory=dict)
    text_bytes: int = 0
    download_bytes: int = 0
    knows: str = ""
    examples: tuple[str, ...] = ()
    phrases: Phrases | None = None
    vocabulary: Vocabulary | None = None

    @property
    def distilled(self) -> bool:
        """Whether steps are fixed and guidance is off."""
        return bool(self.sigmas)

    @property
    def scheduler(self) -> Mapping[str, Any]:
        """Settings that replace the scheduler's own."""
        return SCHEDULES[self.schedule]

    @property
    def fixed_steps(self) -> int | None:
        """The only number of steps this model takes; None where the recipe chooses."""
        return len(self.sigmas) or None

    @property
    def takes_guidance(self) -> bool:
        """Whether guidance and the negative prompt have an effect."""
        return not self.distilled

    @property
    def why_fixed(self) -> str:
        """Why steps and guidance can't be chosen, for the page; empty where they can."""
        if not self.distilled:
            return ""
        return (
            f"{self.title} is distilled: it was trained to finish in {len(self.sigmas)} steps and "
            "has guidance built in, so steps, guidance and the negative prompt have no effect."
        )

    @property
    def refines(self) -> bool:
        """Whether the transformer can follow the second stage's few steps without a LoRA. The
        authors use a distilled one; the demo does well enough without."""
        return self.distilled or self.demo

    @property
    def _why_one_stage(self) -> str:
        """The reason why clips can't be made in two stages, as a part of a sentence."""
        if self.refines:
            return "it has no latent upsampler"
        if self.distilled_lora:
            return f"it came without its latent upsampler or without {self.distilled_lora}"
        return "there is nothing to refine it with that its authors made for it"

    @property
    def authors_negative_prompt(self) -> str:
        """The long negative prompt of the authors' pipelines (``DEFAULT_NEGATIVE_PROMPT`` in their
        ``utils/constants.py``), which diffusers has too. Empty where it would have no effect, and
        for the demo, which doesn't know its words."""
        if self.demo or self.distilled:
            return ""
        from diffusers.pipelines.ltx2.utils import DEFAULT_NEGATIVE_PROMPT

        return str(DEFAULT_NEGATIVE_PROMPT)

    @property
    def has_high(self) -> bool:
        """Whether recipes may ask for the high mode."""
        return self.high is not None

    @property
    def demo(self) -> bool:
        """Whether this is the small built-in model."""
        return not self.source

    def steps(self, asked: int) -> int:
        """Denoising steps with this model, for a recipe that asks for ``asked``. The second stage
        of a two-stage clip is not included."""
        return len(self.sigmas) or asked

    def guided(self, recipe: Recipe) -> bool:
        """Whether a recipe is made with classifier-free guidance, and so with its negative
        prompt."""
        return recipe.guidance_scale > 1.0 and not self.distilled

    def extra_guidance(self, recipe: Recipe) -> Guidance:
        """The guidance of a recipe's mode, in addition to classifier-free guidance."""
        return self.high if recipe.mode == "high" and self.high else self.standard

    def forwards(self, recipe: Recipe) -> int:
        """Forwards of the transformer in one step: one with the prompt, and one each for the
        negative prompt, STG and modality guidance, where they are on."""
        extra = self.extra_guidance(recipe)
        return 1 + self.guided(recipe) + (extra.stg_scale > 0) + (extra.modality_scale > 1)

    def passes(self, recipe: Recipe) -> float:
        """What all of sampling costs, in forwards at full size; one at half size is a quarter."""
        first = self.steps(recipe.num_inference_steps) * self.forwards(recipe)
        if recipe.inputs.upscale is not None:
            return len(UPSCALE_SIGMAS)
        whole = first / 4 + len(STAGE_2_SIGMAS) if recipe.two_stage else first
        return whole * times_sampled(recipe)

    def grid_of(self, recipe: Recipe) -> int:
        """Pixels that the sampled width and height are multiples of: twice the grid with two
        stages, so that half the size is on it, and likewise with a smaller film to follow."""
        return self.grid * (1 + recipe.two_stage) * max(1, recipe.inputs.follows)

    def sampled_size(self, recipe: Recipe) -> tuple[int, int]:
        """Width and height in pixels that a clip is made in, before it is cropped."""
        return grid_size(recipe.width, recipe.height, self.grid_of(recipe))

    def check(self, recipe: Recipe) -> None:
        """Hold a recipe to what this model can do.

        Raises:
            InvalidRecipe: with a sentence for every field that has to change.
        """
        problems = []
        if recipe.mode == "high" and not self.has_high:
            problems.append(
                FieldProblem(
                    "mode",
                    f"mode: is 'high'; {self.title} has only the standard mode. Leave the field "
                    "out, or use a model that is not distilled.",
                )
            )
        if recipe.two_stage and not self.has_upsampler:
            problems.append(
                FieldProblem(
                    "two_stage",
                    f"two_stage: {self.title} can't make a clip in two stages, because "
                    f"{self._why_one_stage}. Leave the field out to make the clip in one stage.",
                )
            )
        if recipe.inputs.audio is not None and not (self.hears or recipe.as_given):
            problems.append(
                FieldProblem(
                    AUDIO,
                    f"{AUDIO}: {self.title} can't make a clip to a given sound, because its audio "
                    "VAE came without an encoder that hears it. Leave the field out, or use "
                    "another model.",
                )
            )
        if problems:
            raise InvalidRecipe(problems)


_LTX_2 = ModelCard(
    id="ltx-2",
    title="LTX-2 19B",
    source="Lightricks/LTX-2",
    high=_high(29),
    perturbed_attn=True,
    distilled_lora="ltx-2-19b-distilled-lora-384.safetensors",
    component_bytes={
        **BYTES_19B,
        "distilled_lora": 7_675_000_000,
        "latent_upsampler": 995_700_000,
    },
    text_bytes=KEPT_TEXT,
    download_bytes=100_700_000_000,
)
_LTX_2_3 = replace(
    _LTX_2,
    id="ltx-2.3",
    title="LTX-2.3 22B",
    source="diffusers/LTX-2.3-Diffusers",
    licence_url="https://huggingface.co/Lightricks/LTX-2.3",
    high=_high(28),
    use_cross_timestep=True,
    vocoder_float32=True,
    distilled_lora="",
    component_bytes=BYTES_22B,
    text_bytes=0,
    download_bytes=96_000_000_000,
)
_LTX_2_5 = replace(
    _LTX_2_3,
    id="ltx-2.5-full",
    title="LTX-2.5 22B",
    source="Lightricks/LTX-2.5-Diffusers",
    transformer_subfolder="transformer_full",
    licence_url="https://huggingface.co/Lightricks/LTX-2.5-Diffusers",
    image_crf=18,
    distilled_lora="ltx-2.5-22b-distilled-lora-450-bf16.safetensors",
    component_bytes={**BYTES_LTX_2_5, "distilled_lora": 9_700_000_000},
    text_bytes=KEPT_TEXT,
    download_bytes=81_000_000_000,
)


def _distilled(card: ModelCard, id: str, title: str, source: str) -> ModelCard:
    return replace(
        card,
        id=id,
        title=title,
        source=source,
        audio_guidance_scale=1.0,
        high=None,
        perturbed_attn=False,
        distilled_lora="",
        component_bytes={k: v for k, v in card.component_bytes.items() if k != "distilled_lora"},
        download_bytes=card.download_bytes - card.component_bytes.get("distilled_lora", 0),
        transformer_subfolder="transformer",
        sigmas=DISTILLED_SIGMAS,
        schedule="fixed",
    )


CARDS: dict[str, ModelCard] = {
    card.id: card
    for card in (
        ModelCard(
            id="demo",
            title="Demo model",
            source="",
            licence="Apache-2.0",
            use_restrictions=False,
            licence_url="https://www.apache.org/licenses/LICENSE-2.0",
            high=_high(2),
            perturbed_attn=True,
            schedule="diffusers",
            end_image_on_last_frame=False,
            audio_guidance_scale=3.0,
            knows=(
                "This small built-in model has seen only a ball, box, triangle, star or ring in "
                "eight colours and six places, with simple sounds. Colour, place and sound follow "
                "the prompt, motion and shape mostly, the camera half of the time."
            ),
            examples=(
                "In a green forest, a blue box drifts slowly to the left. The sound of rain.",
                "A yellow star spins around at night. Beeps. Static camera.",
                "A red ball bounces up and down by the sea. A thump at each bounce.",
                "A cyan ring rises slowly over desert dunes. Golden hour light. A low hum.",
                "A green triangle slides right in a studio. Bright and clean light. Silence.",
                "A purple star at sunset. It rests quietly. The sound of waves. Slow pan.",
            ),
            phrases=DEMO_PHRASES,
            vocabulary=DEMO_VOCABULARY,
        ),
        _LTX_2,
        replace(
            _distilled(
                _LTX_2, "ltx-2-distilled", "LTX-2 19B distilled", "rootonchair/LTX-2-19b-distilled"
            ),
            component_bytes=BYTES_19B,  # That repo has no upsampler.
        ),
        _LTX_2_3,
        _distilled(
            _LTX_2_3,
            "ltx-2.3-distilled",
            "LTX-2.3 22B distilled",
            "diffusers/LTX-2.3-Distilled-Diffusers",
        ),
        _distilled(_LTX_2_5, "ltx-2.5", "LTX-2.5 22B distilled", "Lightricks/LTX-2.5-Diffusers"),
        _LTX_2_5,
    )
}
"""The known checkpoints, by id. The repo of LTX-2.5 holds two; its name alone means the distilled
one, which comes first."""
