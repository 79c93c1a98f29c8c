"""The page: its tabs, its look, and its server."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from ltx_ui.errors import SettingsError, StudioError
from ltx_ui.presets import Presets
from ltx_ui.settings import Settings
from ltx_ui.studio.studio import Studio
from ltx_ui.web import fragments
from ltx_ui.web.api import answer_error, include_api
from ltx_ui.web.create import Create, build_create
from ltx_ui.web.gallery import build_gallery
from ltx_ui.web.guide import build_guide
from ltx_ui.web.theme import make_theme

TITLE = "LTX-2 Studio"
_ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True)
class RunningPage:
    """A page that visitors can open."""

    url: str
    share_url: str | None
    blocks: gr.Blocks

    def close(self) -> None:
        """Stop serving, without waiting for answers that are under way: a clip can take minutes."""
        # What is cut off that way the server would report as an error, with a traceback.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self.blocks.server.force_exit = True
        self.blocks.close(verbose=False)


def build(studio: Studio, settings: Settings, presets: Presets) -> gr.Blocks:
    """The whole page."""
    demo = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    with demo:
        with gr.Row(elem_id="top"):
            gr.HTML(f"<h1>{TITLE}</h1><p>Clips with sound, from words.</p>", elem_id="brand")
            model = gr.HTML(fragments.model_status(studio.model_status()), elem_id="model-status")
        with gr.Tabs(selected="create", elem_id="tabs") as tabs:
            with gr.Tab("Create", id="create"):
                create = build_create(studio, settings, presets, demo, model)
            with gr.Tab("Gallery", id="gallery") as gallery_tab:
                build_gallery(studio, Create(studio, settings, presets), create, tabs, gallery_tab)
            with gr.Tab("Guide", id="guide"):
                build_guide(presets)
    return demo


def serve(studio: Studio, settings: Settings, presets: Presets) -> RunningPage:
    """Put the page and the API on their port; returns while they are served in the background.

    Raises:
        SettingsError: the port is taken.
    """
    demo = build(studio, settings, presets)
    demo.queue(api_open=False, max_size=64, default_concurrency_limit=8)
    try:
        app, url, share_url = demo.launch(
            server_name=settings.host,
            server_port=settings.port,
            share=settings.share,
            auth=settings.credentials,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            run_history=False,
            enable_monitoring=False,
            footer_links=[],
            max_file_size=int(settings.max_image_mb * 1e6),
            state_session_capacity=200,
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            theme=make_theme(),
            css_paths=_ASSETS / "style.css",
            head=f"<script>{(_ASSETS / 'studio.js').read_text('utf-8')}</script>",
            app_kwargs={
                "openapi_url": None,
                "exception_handlers": {StudioError: answer_error},
            },
        )
    except OSError:
        raise SettingsError(
            f"port {settings.port} on {settings.host} is taken. Choose another with --port."
        ) from None
    # A shared page would load its scripts from elsewhere; this one brings its own.
    demo.share = False
    include_api(app, studio, settings)
    return RunningPage(url, share_url or None, demo)
