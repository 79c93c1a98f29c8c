"""Torch and diffusers live here and nowhere else: a Recipe becomes a Clip."""
