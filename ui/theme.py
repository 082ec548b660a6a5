"""The look that Gradio's own components get; everything else is assets/page.css."""

from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"
SANS = ["DejaVu Sans", "system-ui", "sans-serif"]
MONO = ["DejaVu Sans Mono", "ui-monospace", "monospace"]


def asset(name: str) -> str:
    return (ASSETS / name).read_text("utf-8")


def theme() -> Any:
    """Plain font names, so that Gradio asks no font service for anything."""
    import gradio as gr

    return gr.themes.Base(font=SANS, font_mono=MONO).set(
        body_background_fill="var(--bg)",
        body_background_fill_dark="var(--bg)",
        body_text_color="var(--text)",
        body_text_color_dark="var(--text)",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        background_fill_primary="var(--panel)",
        background_fill_primary_dark="var(--panel)",
        input_background_fill="transparent",
        input_background_fill_dark="transparent",
    )
