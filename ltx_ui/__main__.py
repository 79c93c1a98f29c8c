"""``python -m ltx_ui`` starts the studio, as ``ltx-ui`` does."""

from ltx_ui.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
