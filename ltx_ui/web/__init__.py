"""Gradio and FastAPI live here: the page and the HTTP API."""
