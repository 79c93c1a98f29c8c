"""Torch and diffusers live here and nowhere else: a Recipe becomes a Clip."""

import os
from importlib.metadata import version

# OpenMP's threads spin while they wait for each other. On a machine that does anything else beside,
# the one that is waited for then gets no processor: a clip of 2 s was seen to take over 20 s. Where
# they sleep at once, waking them costs an idle machine a third of its speed in bfloat16. After 3000
# turns, some microseconds, they sleep: as fast as spinning on an idle machine (1.31 s a clip, 1.77
# asleep), as fast as sleeping on a busy one (4.0 s and 4.1). Read when torch is imported, so it has
# to stand before; GNU's OpenMP, which torch brings on Linux, takes the count, others the policy.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "passive"
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")

# diffusers reads a model that is in several files with as many threads, up to eight, if it is told
# so before it is imported; transformers does by itself. The threads are outside of any inference
# mode, so what loads a part in the middle of a clip leaves that mode for it.
os.environ.setdefault("HF_ENABLE_PARALLEL_LOADING", "yes")

# Pinned memory is rounded up to a power of two, to be used again by what is a little larger.
# Weights are pinned once and stay: a model that waits in host memory would take a tenth more of it.
# Torch has the setting from 2.13 on (older ones may refuse what they don't know).
if tuple(map(int, version("torch").split(".")[:2])) >= (2, 13):
    os.environ.setdefault("PYTORCH_ALLOC_CONF", "pinned_max_round_threshold_mb:1")
