"""Where the weights go: chosen from free memory, the model's bytes and a clip's working memory."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from ltx_ui.engine.choosing import Free, choose, most_room, steps_down
from ltx_ui.engine.fitting import what_fits
from ltx_ui.engine.models import CARDS, GB
from ltx_ui.engine.placement import (
    BLOCKS,
    DISTILLED_LORA,
    IN_4_BITS,
    PLACEMENTS,
    SAMPLING_BASE,
    STREAMED,
    STREAMED_BLOCKS,
    UPSAMPLER,
    USUAL,
    Placement,
    Quantize,
    device_bytes,
    host_bytes,
    in_4_bits,
    in_use,
    possible,
    working,
)
from ltx_ui.errors import ModelUnavailable
from ltx_ui.recipe import Recipe
from ltx_ui.settings import Settings

LTX_2_HD = CARDS["ltx-2"].component_bytes
LTX_2 = {p: size for p, size in LTX_2_HD.items() if p not in (DISTILLED_LORA, UPSAMPLER)}
TEXT = 2 * 48 * 2 * 1024 * (4096 + 2048) * 2
"""Keys and values of prompt and negative prompt in the 19B."""


def card_bytes(gb: float) -> int:
    """What is free of a card that is sold as one of so many GB: they are binary ones, and CUDA
    itself takes some."""
    return round(gb * 2**30) - GB // 2


def chosen(
    device_gb: float,
    host_gb: float = 128,
    size: tuple[int, int, int] = USUAL,
    quantize: Quantize = "none",
) -> Placement:
    free = Free(card_bytes(device_gb), round(host_gb * GB))
    weights = in_4_bits(LTX_2, quantize, 2)
    return choose("LTX-2", weights, free, working(*size, text=TEXT), possible(quantize))


@pytest.mark.parametrize(
    ("device_gb", "placement"),
    [
        (8, "offload"),
        (12, "offload"),
        (16, "offload"),
        (24, "fp8"),
        (32, "fp8"),
        (48, "free-text"),
        (80, "resident"),
        (141, "resident"),
    ],
)
def test_each_size_of_card_gets_the_fastest_placement_that_fits(
    device_gb: int, placement: Placement
) -> None:
    assert chosen(device_gb) == placement


def test_8_bits_are_streamed_where_the_host_has_too_little_for_the_exact_weights() -> None:
    assert [chosen(gb, host_gb=67) for gb in (12, 16)] == ["fp8-streamed"] * 2
    assert [chosen(gb, host_gb=44) for gb in (12, 16)] == ["fp8-streamed"] * 2
    with pytest.raises(ModelUnavailable):
        chosen(12, host_gb=43)
    with pytest.raises(ModelUnavailable):
        chosen(8, host_gb=67)


@pytest.mark.parametrize(
    ("device_gb", "host_gb", "quantize", "placement"),
    [
        (32, 1, "all", "resident"),
        (24, 12, "all", "free-text"),
        (16, 26, "all", "offload"),
        (8, 26, "all", "offload"),
        (24, 14, "text", "fp8"),
        (12, 28, "text", "fp8-streamed"),
    ],
)
def test_4_bits_fit_where_the_whole_weights_do_not(
    device_gb: int, host_gb: int, quantize: Quantize, placement: Placement
) -> None:
    assert chosen(device_gb, host_gb, quantize=quantize) == placement
    with pytest.raises(ModelUnavailable):
        chosen(device_gb, host_gb)


def test_a_text_encoder_in_4_bits_leaves_room_for_an_exact_transformer() -> None:
    assert chosen(12, host_gb=64) == "fp8-streamed"
    assert chosen(12, host_gb=64, quantize="text") == "offload"


def test_weights_that_are_rounded_once_loaded_leave_more_room_for_clips() -> None:
    sizes = CARDS["ltx-2"].component_bytes
    for rounded, placement in ((False, "fp8"), (True, "free-text")):
        usual = working(*USUAL, text=TEXT, rounded=rounded)
        assert choose("LTX-2", sizes, Free(43 * GB, 200 * GB), usual) == placement


def test_what_is_in_4_bits_is_not_kept_in_8() -> None:
    assert possible("none") == possible("text") == PLACEMENTS
    assert possible("all") == ("resident", "free-text", "offload")
    free, beside = Free(card_bytes(80), 128 * GB), working(*USUAL)
    assert steps_down("resident", LTX_2, free, beside, possible("all")) == ("free-text", "offload")
    assert most_room(LTX_2, Free(card_bytes(80), 128 * GB), beside, possible("all"))[1] == "offload"


def test_the_second_stages_lora_counts_only_for_a_clip_in_two_stages() -> None:
    one, two = working(*USUAL, text=TEXT), working(*USUAL, text=TEXT, two_stage=True)
    lora = LTX_2_HD[DISTILLED_LORA]
    for placement in PLACEMENTS:
        assert device_bytes(placement, LTX_2_HD, one) == device_bytes(placement, LTX_2, one)
        more = device_bytes(placement, LTX_2_HD, two) - device_bytes(placement, LTX_2, two)
        passing = lora * STREAMED_BLOCKS // BLOCKS
        assert 0 <= more <= passing if placement in STREAMED else more == lora
        assert host_bytes(placement, in_use(LTX_2_HD, two)) - host_bytes(placement, LTX_2) == (
            LTX_2_HD[UPSAMPLER] + (lora if placement in STREAMED else 0)
        ), "the upsampler waits in host memory"
    for device_gb in (12, 24, 48, 74, 80):
        free = Free(card_bytes(device_gb), 128 * GB)
        assert choose("LTX-2", LTX_2_HD, free, one) == choose("LTX-2", LTX_2, free, one)
    assert choose("LTX-2", LTX_2_HD, Free(card_bytes(24), 128 * GB), two) == "offload"


def test_a_larger_clip_needs_a_thriftier_placement_on_the_same_card() -> None:
    assert chosen(74, size=(288, 512, 121)) == "resident"
    assert chosen(74, size=(1280, 704, 121)) == "free-text"


def test_too_little_host_memory_rules_out_what_waits_there() -> None:
    assert chosen(24, host_gb=31) == "fp8"
    with pytest.raises(
        ModelUnavailable, match=r"73 GB .* 10 GB with 44 GB or 6 GB with 68 .* 25 GB and 20"
    ):
        chosen(24, host_gb=20)


def test_a_card_that_is_too_small_for_a_block_is_refused_with_numbers_and_a_way_out() -> None:
    with pytest.raises(ModelUnavailable, match=r"4 GB and 128 GB are free.*--model demo"):
        chosen(4)


def test_without_cuda_everything_stays_in_host_memory_if_there_is_enough() -> None:
    assert choose("LTX-2", LTX_2, Free(None, 70 * GB), working(*USUAL)) == "resident"
    with pytest.raises(ModelUnavailable, match=r"needs about 68 GB .*without a CUDA device; 60 GB"):
        choose("LTX-2", LTX_2, Free(None, 60 * GB), working(*USUAL))


def test_each_step_down_takes_less_device_memory_and_more_host_memory() -> None:
    usual = working(*USUAL, text=TEXT)
    device = [device_bytes(placement, LTX_2, usual) for placement in PLACEMENTS]
    host = [host_bytes(placement, LTX_2) for placement in PLACEMENTS]
    assert device == sorted(device, reverse=True)
    assert host == sorted(host)


def test_only_steps_that_help_by_the_plans_own_arithmetic_are_taken() -> None:
    def steps(placement: Placement, device_gb: int, **size: bool) -> tuple[Placement, ...]:
        free = Free(card_bytes(device_gb), 128 * GB)
        return steps_down(placement, LTX_2_HD, free, working(1280, 704, 121, tiled=True, **size))

    assert steps("resident", 80) == PLACEMENTS[1:]
    assert steps("resident", 80, two_stage=True) == PLACEMENTS[1:]
    assert steps("resident", 48, two_stage=True) == ("fp8", "fp8-streamed", "offload")
    assert steps("resident", 24) == ("fp8-streamed", "offload")
    assert steps("resident", 10) == ()
    assert steps("offload", 80) == ()
    little = Free(card_bytes(24), 20 * GB)
    assert steps_down("resident", LTX_2, little, working(*USUAL)) == ()


def test_only_8_bit_weights_save_memory_where_there_is_no_device() -> None:
    free = Free(None, 70 * GB)
    assert steps_down("resident", LTX_2, free, working(*USUAL)) == ("fp8",)
    assert steps_down("fp8", LTX_2, free, working(*USUAL)) == ()


def test_the_most_room_is_where_the_weights_take_least() -> None:
    beside = working(*USUAL, text=TEXT)
    room, placement = most_room(LTX_2, Free(24 * GB, 128 * GB), beside)
    assert placement == "offload"
    assert device_bytes("offload", LTX_2, beside) - beside.beside("offload") > 24 * GB - room > 0
    assert most_room(LTX_2, Free(24 * GB, 31 * GB), beside)[1] == "fp8", "the host has no more"
    assert most_room(LTX_2, Free(None, 7 * GB), beside) == (7 * GB, None)


def test_what_fits_is_smaller_than_what_did_not_and_fits_by_the_same_formula() -> None:
    recipe = Recipe(prompt="A fox.", width=768, height=448, num_frames=121)
    room = working(768, 448, 49, tiled=True).total
    assert what_fits(recipe, room, 32) == (
        "What should fit: 768x448 with 49 frames or 512x288 with 121 frames."
    )
    fits, does_not = (working(w, h, 121, tiled=True) for w, h in ((512, 288), (544, 320)))
    assert fits.total <= room < does_not.total


def test_the_kept_text_counts_where_it_is_kept_and_only_beside_sampling() -> None:
    assert 2.4 * GB < TEXT < 2.5 * GB
    without, kept = (working(*USUAL, tiled=True, text=text) for text in (0, TEXT))
    for placement in ("resident", "free-text", "fp8"):
        assert kept.beside(placement) - without.beside(placement) == TEXT
    assert kept.beside("offload") == without.beside("offload")
    long = working(1280, 704, 121, clips=1, text=TEXT)
    assert long.total == working(1280, 704, 121, clips=1).total, "decoding takes more, without it"


def test_two_stages_are_counted_as_they_are_sampled() -> None:
    size = (1280, 704, 121)
    whole, half = working(*size), working(640, 352, 121)
    staged = working(*size, two_stage=True)
    assert half.sampling < staged.sampling
    assert 2 * (staged.sampling - SAMPLING_BASE) == whole.sampling - SAMPLING_BASE
    assert staged.decoding == whole.decoding
    assert (
        working(*size, clips=8, two_stage=True).sampling == working(640, 352, 121, clips=8).sampling
    )


def test_what_fits_is_more_in_two_stages_and_less_with_the_text_kept() -> None:
    recipe = Recipe(prompt="A fox.", width=1280, height=704, num_frames=121)
    room = working(1280, 704, 89, two_stage=True, tiled=True).total
    staged = recipe.model_copy(update={"two_stage": True})
    assert what_fits(staged, room, 64).startswith("What should fit: 1280x704 with 89 frames")
    assert what_fits(recipe, room, 64).startswith("What should fit: 1280x704 with 33 frames")
    assert what_fits(staged, room, 64, text=GB // 10) == (
        "What should fit: 1280x704 with 81 frames or 1088x576 with 121 frames."
    )


def test_even_where_the_formula_sees_room_something_smaller_is_offered() -> None:
    recipe = Recipe(prompt="A fox.", width=768, height=448, num_frames=121)
    assert what_fits(recipe, 500 * GB, 32) == (
        "What should fit: 768x448 with 113 frames or 736x416 with 121 frames."
    )


def test_where_nothing_fits_it_says_what_to_do_instead() -> None:
    recipe = Recipe(prompt="A fox.", width=128, height=128, num_frames=9)
    assert what_fits(recipe, 0, 32).startswith("Close other programs")


def test_choosing_needs_no_torch() -> None:
    code = "import sys, ltx_ui.engine.placement; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert get_args(Placement) == PLACEMENTS


def test_the_flags_offer_what_the_plan_knows() -> None:
    offered = {name: field.annotation for name, field in Settings.model_fields.items()}
    assert get_args(offered["placement"]) == ("auto", *PLACEMENTS)
    assert get_args(offered["quantize"]) == get_args(Quantize) == tuple(IN_4_BITS)
