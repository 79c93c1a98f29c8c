"""The library's tables, version by version."""
