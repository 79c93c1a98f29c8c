"""The page's theme: its colours in light and dark mode, and the system's own fonts."""

from __future__ import annotations

import gradio as gr

_EMBER = gr.themes.Color(
    name="ember",
    c50="#fff5f0",
    c100="#ffe6da",
    c200="#ffc9b0",
    c300="#ffa57f",
    c400="#f98253",
    c500="#e5622f",
    c600="#b8441a",
    c700="#953516",
    c800="#752b14",
    c900="#5c2412",
    c950="#36130a",
)
_STONE = gr.themes.Color(
    name="stone",
    c50="#faf9f8",
    c100="#f3f1ef",
    c200="#e6e3df",
    c300="#d0cbc5",
    c400="#a29c95",
    c500="#716b65",
    c600="#575250",
    c700="#403c3a",
    c800="#2a2725",
    c900="#1c1a19",
    c950="#131211",
)
_TEXT = ("system-ui", "-apple-system", "Segoe UI", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "monospace")


def make_theme() -> gr.themes.Base:
    """The studio's theme. Text on the accent keeps a contrast of 4.5 and more in both modes."""
    return gr.themes.Base(
        primary_hue=_EMBER,
        secondary_hue=_EMBER,
        neutral_hue=_STONE,
        radius_size=gr.themes.sizes.radius_lg,
        font=_TEXT,
        font_mono=_MONO,
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        block_shadow="none",
        input_background_fill="white",
        input_background_fill_dark="*neutral_950",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_600",
        input_border_color_focus_dark="*primary_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
        button_primary_background_fill_dark="*primary_400",
        button_primary_background_fill_hover_dark="*primary_300",
        button_primary_text_color_dark="*neutral_950",
        link_text_color="*primary_600",
        link_text_color_dark="*primary_300",
        link_text_color_hover="*primary_700",
        link_text_color_hover_dark="*primary_200",
        link_text_color_visited="*primary_600",
        link_text_color_visited_dark="*primary_300",
        error_background_fill="#fdeee9",
        error_background_fill_dark="#3a1a13",
        error_text_color="#6b1f12",
        error_text_color_dark="#ffd9cd",
        error_border_color="#c0442c",
        error_border_color_dark="#e5623f",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_600",
    )
