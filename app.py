"""``python app.py`` starts the studio; ``python app.py --help`` lists what can be set."""

from ltx_ui.cli import main

if __name__ == "__main__":
    raise SystemExit(main(program="app.py"))
