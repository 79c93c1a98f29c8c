"""How the demo model learns: a small world as code, and the training of every part on it."""
