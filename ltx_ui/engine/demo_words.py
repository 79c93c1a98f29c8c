"""What the demo model knows, in the wordings it was trained on (``training/captions.py``)."""

from __future__ import annotations

from ltx_ui.phrases import Phrase, Phrases, Vocabulary

DEMO_PHRASES = Phrases(
    camera=(
        Phrase(name="Static shot", text="static shot, focused on the subject"),
        Phrase(name="Slow pan", text="camera pans slowly across the scene"),
        Phrase(name="Handheld", text="handheld camera, slight movement"),
        Phrase(name="Zoom in", text="camera zooms in gradually"),
    ),
    lighting=(
        Phrase(name="Even", text="even lighting"),
        Phrase(name="Window light", text="soft natural lighting from window"),
        Phrase(name="Dramatic", text="dramatic shadows, cinematic lighting"),
        Phrase(name="Golden hour", text="golden hour sunset lighting", fits=("desert", "dunes")),
        Phrase(name="Studio", text="studio lighting, bright and clean", fits=("studio", "room")),
    ),
    sound=(
        Phrase(name="Low hum", text="a low hum", fits=("spin*", "rotat*", "turns", "desert")),
        Phrase(name="High tone", text="a high tone"),
        Phrase(name="Beeps", text="beeps", fits=("studio", "room")),
        Phrase(name="Thumps", text="a thump at each bounce", fits=("bounc*", "hops")),
        Phrase(name="Rain", text="the sound of rain", fits=("forest", "trees", "woods")),
        Phrase(name="Waves", text="the sound of waves", fits=("ocean", "sea")),
        Phrase(name="Silence", text="silence"),
    ),
    speech=(),
    motion=(
        Phrase(name="Drifts", text="It drifts slowly to the left"),
        Phrase(name="Bounces", text="It bounces up and down"),
        Phrase(name="Rises", text="It rises slowly"),
    ),
)

DEMO_VOCABULARY = Vocabulary(
    camera=("static", "pan*", "handheld", "zoom*"),
    lighting=("even", "dramatic", "golden", "bright", "dark corners", "window"),
    sound=("silence", "no sound", "hum*", "tone", "note", "beep*", "thump*", "rain", "waves"),
    motion=(
        *("stays", "still", "rests", "does not move", "hangs", "moves", "glides", "drifts"),
        *("slides", "rises", "floats", "climbs", "sinks", "falls", "bounc*", "hops", "spin*"),
        *("rotates", "turns"),
    ),
    static=("static", "stands still"),
    moving=("pan", "pans", "handheld", "zoom", "zooms"),
)
