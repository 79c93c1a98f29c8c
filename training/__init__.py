"""How the demo model learns: a small world as code, and the training of every part on it."""

from ltx_ui import runtime

runtime.set_up()  # Before any of the modules here imports torch.
