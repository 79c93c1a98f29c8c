"""Torch and diffusers live here and nowhere else: a Recipe becomes a Clip."""

import os

# OpenMP's threads spin while they wait for each other. On a machine that does anything else beside,
# the one that is waited for then gets no processor: a clip of 3 s was seen to take 26 s. Read when
# torch is imported, so it has to stand before.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
