"""Torch and diffusers live here and nowhere else: a Recipe becomes a Clip."""

import logging

from ltx_ui import runtime

runtime.set_up()  # Whichever of the engine's modules is imported first, torch has not been yet.
# diffusers imports bitsandbytes where it is installed, which then warns on some CPUs that a package
# is missing, for a product of matrices that is never computed here. It says nothing else.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
