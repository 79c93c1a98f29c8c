"""Undocumented names of torch, diffusers, accelerate and peft that the engine relies on.

Each function wraps one of them and says what it does, why there is no public way, and when it can
be removed. Each name is checked when this module is imported: a library version without it fails
at once, not in the middle of a clip.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from diffusers import DiffusionPipeline, LTX2ConditionPipeline, LTX2InContextPipeline
from diffusers.hooks import HookRegistry, group_offloading
from diffusers.loaders import PeftAdapterMixin
from diffusers.models.attention_dispatch import AttentionBackendName
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.transformers.transformer_ltx2 import (
    LTX2AudioVideoAttnProcessor,
    LTX2PerturbedAttnProcessor,
)
from diffusers.pipelines.ltx2 import utils as ltx2
from torch import Tensor, nn

from ltx_ui.errors import require
from ltx_ui.geometry import TEMPORAL_COMPRESSION


def execution_device(pipe: Any) -> torch.device:
    """The device that a pipeline computes on, also while its weights wait elsewhere.

    ``pipe.device`` is where the weights are. Remove when diffusers has a public name for it.
    """
    device: torch.device = pipe._execution_device
    return device


require(
    isinstance(getattr(DiffusionPipeline, "_execution_device", None), property),
    "DiffusionPipeline._execution_device",
)


def folder_of(module: Any) -> Path:
    """The folder that a diffusers model was loaded from.

    Its configuration keeps it under a name of its own. Remove when models tell where they are from.
    """
    return Path(module.config._name_or_path)


require(
    "_name_or_path" in inspect.getsource(ModelMixin.from_pretrained),
    "ModelMixin.config._name_or_path",
)


def offload_anew(module: nn.Module) -> None:
    """Let group offloading see layers that were added to a module, or taken from it, since it was
    applied. Without it, those would stay in host memory and the first step would fail.

    diffusers calls it where a pipeline loads a LoRA, which would place every other part anew too.
    Remove when ``load_lora_into_transformer`` does it, or ``apply_group_offloading`` can be redone.
    """
    group_offloading._maybe_remove_and_reapply_group_offloading(module)


require(
    callable(getattr(group_offloading, "_maybe_remove_and_reapply_group_offloading", None)),
    "diffusers.hooks.group_offloading._maybe_remove_and_reapply_group_offloading",
)


def keep_outside_blocks(module: nn.Module) -> None:
    """Keep the layers that a module has outside its blocks on the device for good: take them out of
    the group that group offloading made of them. Does nothing where there is no such group.

    ``apply_group_offloading`` can't leave modules out. Remove when it can.
    """
    hooks = HookRegistry.check_if_exists_or_initialize(module)
    hook = hooks.get_hook(group_offloading._GROUP_OFFLOADING)
    if hook is None:
        return
    group = hook.group
    for part in group.modules:
        part.to(group.onload_device)
    for tensor in (*group.parameters, *group.buffers):
        tensor.data = tensor.data.to(group.onload_device)
    group.modules, group.parameters, group.buffers = [], [], []


require(
    isinstance(getattr(group_offloading, "_GROUP_OFFLOADING", None), str)
    and {"modules", "parameters", "buffers", "onload_device"}
    <= set(inspect.signature(group_offloading.ModuleGroup).parameters),
    "diffusers.hooks.group_offloading.ModuleGroup",
)


def has_hooks(module: nn.Module) -> bool:
    """Whether hooks bring the weights of a module, or of a module within it, only when needed.

    Neither diffusers nor accelerate has a public way to tell. Called at each step, hence ``vars``:
    ``hasattr`` takes several times as long. Remove when hooks can be listed.
    """
    return any("_hf_hook" in vars(m) or "_diffusers_hook" in vars(m) for m in module.modules())


_hooked = nn.Identity(), nn.Identity()
add_hook_to_module(_hooked[0], ModelHook())
HookRegistry.check_if_exists_or_initialize(_hooked[1])
require(all(has_hooks(module) for module in _hooked), "_hf_hook or _diffusers_hook")


def has_lora(model: nn.Module) -> bool:
    """Whether a LoRA is loaded in a model, in whichever of its layers.

    peft's layer class is public, but looking at all layers takes milliseconds, and this is called
    at each step. Remove when diffusers has a quick way to tell.
    """
    return "peft_config" in vars(model)


require(
    "self.peft_config" in inspect.getsource(PeftAdapterMixin.unload_lora),
    "diffusers.loaders.PeftAdapterMixin.peft_config",
)


def plain_call(module: nn.Module) -> Callable[..., Any]:
    """The module's own call, hooks included, whatever :func:`call_instead` has set.

    ``module.forward`` would skip the hooks. Remove with :func:`call_instead`.
    """
    return module._call_impl


def call_instead(module: nn.Module, call: Callable[..., Any] | None) -> None:
    """Let another function answer a module's calls; None restores the module's own.

    ``module.compile()`` does this with the compiled call alone; here each call decides between
    compiled and eager. Remove when a compiled module can fall back to eager by itself.
    """
    module._compiled_call_impl = call


def answering_call(module: nn.Module) -> Callable[..., Any] | None:
    """The function that :func:`call_instead` has set; None if there is none."""
    return module._compiled_call_impl


require(hasattr(nn.Module, "_call_impl"), "torch.nn.Module._call_impl")
require(hasattr(nn.Module, "_compiled_call_impl"), "torch.nn.Module._compiled_call_impl")


def allow_recompiling(limit: int) -> None:
    """Set for how many kinds of calls a function may be compiled before compiling it is an error.

    The setting is documented, but only under a private module. Remove when ``torch.compiler`` has
    it.
    """
    torch._dynamo.config.recompile_limit = limit


def _recompile_limit_is_there() -> bool:
    from torch._dynamo import config

    return hasattr(config, "recompile_limit")


require(_recompile_limit_is_there(), "torch._dynamo.config.recompile_limit")


def end_recording(device: int, pool: Any) -> None:
    """Tell CUDA's allocator that a recording into one of its pools is over, and that no graph came
    of it.

    ``CUDAGraph.capture_end`` does so, but only once CUDA has ended the recording without an error.
    Remove when it always does, or ``CUDAGraph.reset`` does.

    Args:
        pool: as of ``torch.cuda.graph_pool_handle``.

    Raises:
        RuntimeError: nothing is recorded into it.
    """
    torch._C._cuda_endAllocateToPool(device, pool)
    torch._C._cuda_releasePool(device, pool)


require(
    all(hasattr(torch._C, f"_cuda_{name}") for name in ("endAllocateToPool", "releasePool")),
    "torch._C._cuda_endAllocateToPool and _cuda_releasePool",
)


ATTENTION_KERNELS = {
    "native": "native",
    "flash": "_native_flash",
    "cudnn": "_native_cudnn",
    "efficient": "_native_efficient",
    "flash-attn": "flash",
    "flash-attn-3": "_flash_3",
    "sage": "sage",
}
"""diffusers' names of attention kernels, some with an underscore, by ours. Remove when
``set_attention_backend`` takes torch's kernels by public names."""
require(
    set(ATTENTION_KERNELS.values()) <= {name.value for name in AttentionBackendName},
    "diffusers.models.attention_dispatch.AttentionBackendName._native_flash and the like",
)


def kernel(name: str) -> AttentionBackendName:
    """diffusers' attention kernel of a name in :data:`ATTENTION_KERNELS`."""
    return AttentionBackendName(ATTENTION_KERNELS[name])


def kernel_of(processor: Any) -> AttentionBackendName | None:
    """The kernel that ``set_attention_backend`` gave an attention processor; None for torch's own.

    It can be set in public but not read. Remove when it can.
    """
    found: AttentionBackendName | None = processor._attention_backend
    return found


require(
    all(
        hasattr(processor, "_attention_backend")
        for processor in (LTX2AudioVideoAttnProcessor, LTX2PerturbedAttnProcessor)
    ),
    "LTX2AudioVideoAttnProcessor._attention_backend",
)


class LastFramePipeline(LTX2ConditionPipeline):  # type: ignore[misc]
    """The stock pipeline, but with images on the pixel frames that are meant (:func:`index_of`)
    instead of seven frames earlier.

    The stock pipeline's conditions name latent frames, and it places an image at the first pixel
    frame that its latent frame covers: with 49 frames (0…48) an end image is at frame 41. The
    authors place images by pixel frame (``VideoConditionByKeyframeIndex`` in Lightricks/LTX-2,
    ``packages/ltx-core``), so that it is at 48. Remove when ``LTX2VideoCondition`` takes a pixel
    frame.
    """

    def _prepare_keyframe_coords(self, *args: Any, **kwargs: Any) -> Tensor:
        """Positions of a condition's tokens: a single image is at the last pixel frame that its
        latent frame covers; several frames are placed as in the stock pipeline."""
        if kwargs["num_pixel_frames"] == 1:
            kwargs["pixel_frame_idx"] += self.vae_temporal_compression_ratio - 1
        coords: Tensor = super()._prepare_keyframe_coords(*args, **kwargs)
        return coords


def index_of(frame: int) -> float:
    """The index of a condition for an image at a pixel frame: in latent frames, and between two of
    them where the frame is not the last one that a latent frame covers.

    The pipeline only computes with the index of what is not the first frame, so that every pixel
    frame has one. Remove with :class:`LastFramePipeline`.
    """
    whole, beyond = divmod(frame, TEMPORAL_COMPRESSION)
    return whole + beyond / TEMPORAL_COMPRESSION if beyond else whole


require(
    "pixel_frame_idx = (latent_idx - 1) * frame_scale_factor + 1"
    in inspect.getsource(LTX2ConditionPipeline.prepare_latents),
    "LTX2VideoCondition.index",
)


_coords = getattr(LTX2ConditionPipeline, "_prepare_keyframe_coords", None)
require(
    _coords is not None
    and {"num_pixel_frames", "pixel_frame_idx"} <= set(inspect.signature(_coords).parameters),
    "LTX2ConditionPipeline._prepare_keyframe_coords",
)


WRITING = ltx2.GEMMA3_PROMPT_ENHANCEMENT_CONFIG
"""How the authors let Gemma 3 write prompts: ``max_new_tokens``, and ``temperature`` among its
``generation_kwargs``. Remove when diffusers documents it."""


def instructions(with_picture: bool) -> str:
    """What the authors tell Gemma 3 before it is given a prompt to say in more words.

    diffusers has them as constants that it leaves to its users to pass on. Remove with
    :data:`WRITING`.

    Args:
        with_picture: whether it sees the clip's first frame.
    """
    told = ltx2.I2V_DEFAULT_SYSTEM_PROMPT if with_picture else ltx2.T2V_DEFAULT_SYSTEM_PROMPT
    return str(told).strip()


require(
    len(instructions(True)) > 1000
    and len(instructions(False)) > 1000
    and WRITING.max_new_tokens > 0
    and "temperature" in WRITING.generation_kwargs,
    "diffusers.pipelines.ltx2.utils.GEMMA3_PROMPT_ENHANCEMENT_CONFIG and its system prompts",
)


class InContextPipeline(LTX2InContextPipeline, LTX2ConditionPipeline):  # type: ignore[misc]
    """diffusers' pipeline for films that a clip follows, with the parts of the loaded one.

    It has the same parts but one, ``duration_head``, which is never run here. Remove when one
    pipeline takes what both do.
    """

    __init__ = LTX2ConditionPipeline.__init__


class LastFrameInContextPipeline(LastFramePipeline, InContextPipeline):
    """The same, with images on the pixel frames that are meant."""


@contextmanager
def in_context(pipe: Any) -> Iterator[None]:
    """Let a loaded pipeline take films to follow inside the block.

    It becomes one of the other kind and stays the same object, so that all that was installed on it
    holds, and what a call leaves in it is found. A second pipeline made of its parts would share
    neither.
    """
    own = type(pipe)
    last = issubclass(own, LastFramePipeline)
    pipe.__class__ = LastFrameInContextPipeline if last else InContextPipeline
    try:
        yield
    finally:
        pipe.__class__ = own


_given = set(inspect.signature(LTX2ConditionPipeline.__call__).parameters)
_taken = set(inspect.signature(LTX2InContextPipeline.__call__).parameters)
require(
    _given - _taken <= {"min_seconds", "max_seconds"}
    and {"reference_conditions", "reference_downscale_factor"} <= _taken,
    "LTX2InContextPipeline.__call__",
)
