"""Render reports: HTML pages that need no server and no network, and plots as SVG in the page's colours."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TEXT_COLOUR = "#0d0e0f"  # replaced by the page's text colour, which is dark or light
STYLE: Any = {
    "text.parse_math": False,  # a topic may be named $
    "svg.fonttype": "none",
    "svg.hashsalt": "weaver",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": TEXT_COLOUR,
    "axes.labelcolor": TEXT_COLOUR,
    "text.color": TEXT_COLOUR,
    "xtick.color": TEXT_COLOUR,
    "ytick.color": TEXT_COLOUR,
    "legend.frameon": False,
}


def render_page(template: Path, **values: Any) -> str:
    """Render a jinja2 template that extends html_page.html; texts are escaped, so that rows cannot inject HTML."""
    from jinja2 import Environment, FileSystemLoader

    folders = FileSystemLoader([template.parent, Path(__file__).parent])
    pages = Environment(autoescape=True, loader=folders, trim_blocks=True)
    pages.filters["thousands"] = format_thousands
    return pages.get_template(template.name).render(values)


def format_thousands(count: int) -> str:
    """1234567 → 1,234,567."""
    return f"{count:,}"


def make_figure(width: float, height: float, columns: int, paint: Callable[..., None]) -> Any:
    """The matplotlib figure that `paint(*axes)` draws; width and height are in inches."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(*np.atleast_1d(figure.subplots(1, columns)))
    return figure


def figure_to_svg(figure: Any) -> Any:
    """A figure as inline SVG, marked as safe for a page."""
    from markupsafe import Markup
    from matplotlib import rc_context

    out = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :].replace(TEXT_COLOUR, "currentColor")
    text = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font: \1px inherit", text)
    return Markup(text)  # matplotlib escapes the names of topics


def draw_svg(width: float, height: float, columns: int, paint: Callable[..., None]) -> Any:
    """The figure that `paint(*axes)` draws, as inline SVG; width and height are in inches."""
    return figure_to_svg(make_figure(width, height, columns, paint))
