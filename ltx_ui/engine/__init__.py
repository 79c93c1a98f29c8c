"""Torch and diffusers live here and nowhere else: a Recipe becomes a Clip."""

from ltx_ui import runtime

runtime.set_up()  # Whichever of the engine's modules is imported first, torch has not been yet.
