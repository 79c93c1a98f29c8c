"""``/mcp``: tools by which assistants make clips and find them, over the Model Context Protocol."""
