"""Torch and diffusers live here and nowhere else: a Recipe becomes a Clip."""

import os

# diffusers reads it when it is first imported: the shards of a checkpoint are read by several
# threads instead of one after the other.
os.environ.setdefault("HF_ENABLE_PARALLEL_LOADING", "1")
