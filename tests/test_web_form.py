"""What the fields of the Create tab offer, and what a preset puts into them."""

import pytest

from ltx_ui.presets import Preset, Presets, load_presets
from ltx_ui.web.form import Form, length_choices, preset_fields, size_choices

WIDE = Preset(
    id="wide",
    name="Wide",
    note="A banner",
    settings={"width": 640, "height": 160, "num_frames": 33, "num_takes": 3, "seed": 7},
)


@pytest.fixture
def presets() -> Presets:
    known = load_presets()
    return known.model_copy(update={"presets": (*known.presets, WIDE)})


def test_whatever_a_preset_chooses_can_be_chosen(presets: Presets) -> None:
    form = Form.initial(presets)
    assert ("Own size 640x160", "640x160") in size_choices(form, presets)
    assert ("33 frames · 1.38 s", 33) in length_choices(form, presets)
    sizes = [size for _, size in size_choices(form, presets)]
    assert len(sizes) == len(set(sizes)) == len(presets.formats_for(has_upsampler=False)) + 1


def test_a_preset_sets_the_seed_and_the_takes_only_if_it_names_them(presets: Presets) -> None:
    wide = preset_fields("wide", presets)
    assert (
        wide.items() >= {"size": "640x160", "seed": 7, "seed_locked": True, "num_takes": 3}.items()
    )
    assert not preset_fields("fast-preview", presets).keys() & {"seed", "seed_locked", "num_takes"}
