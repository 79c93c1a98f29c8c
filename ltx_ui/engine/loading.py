"""Weights → pipeline on a device."""

from ltx_ui.engine.demo import demo_folder
from diffusers import LTX2ConditionPipeline
import torch


def load(card, models_dir, report):
    folder = demo_folder(models_dir)
    report("Loading", None)
    pipe = LTX2ConditionPipeline.from_pretrained(
        folder, torch_dtype=torch.float32, local_files_only=True
    )
    pipe.set_progress_bar_config(disable=True)
    return card, pipe
