"""``/v1/videos``: jobs and takes for programs that are written for OpenAI's video endpoints."""
