"""The mark by which LTX-2.5 knows a clip's first latent frame.

The video VAE is causal: the first latent frame stands for one frame of the clip, each other for
eight. LTX-2.5's transformer has learnt a vector that is added to the tokens of a latent of a single
frame, in every clip (``VideoLatentTools`` in Lightricks/LTX-2, ``packages/ltx-core``). Only one of
diffusers' pipelines asks for it, ``LTX2DFRPipeline``.
"""

from __future__ import annotations

from typing import Any


def mark_first_frame(transformer: Any) -> None:
    """Let a transformer mark the first latent frame in every forward. Does nothing to one that has
    learnt no mark.

    Args:
        transformer: an ``LTX2VideoTransformer3DModel``, called with named arguments.
    """
    if transformer.config.use_keyframes_abs_pos_embedding:
        transformer.register_forward_pre_hook(_mark, with_kwargs=True)


def _mark(_: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    hidden = kwargs["hidden_states"]
    mask = hidden.new_zeros((*hidden.shape[:2], 1))
    # Whatever comes after the clip's own tokens, such as an end image's, is given and not marked.
    mask[:, : kwargs["height"] * kwargs["width"]] = 1
    return args, {**kwargs, "video_keyframes_mask": mask}
