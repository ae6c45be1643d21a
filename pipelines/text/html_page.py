"""How reports look: pages that need no server and no network, and drawings that take the page's colours."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np

TEXT_COLOUR = "#0d0e0f"  # stands for the colour of the page's text, which is dark or light
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


def render_page(template: Path, **told: Any) -> str:
    """The page of a jinja2 template that extends html_page.html; texts are escaped, so that a row's text stays text."""
    from jinja2 import Environment, FileSystemLoader

    folders = FileSystemLoader([template.parent, Path(__file__).parent])
    pages = Environment(autoescape=True, loader=folders, trim_blocks=True)
    pages.filters["thousands"] = format_thousands
    return pages.get_template(template.name).render(told)


def format_thousands(count: int) -> str:
    return f"{count:,}"


def make_figure(width: float, height: float, columns: int, paint: Any) -> Any:
    """The matplotlib figure that `paint(*axes)` makes; width and height in inches."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        drawn = Figure(figsize=(width, height), layout="constrained")
        paint(*np.atleast_1d(drawn.subplots(1, columns)))
    return drawn


def figure_to_svg(drawn: Any) -> Any:
    """A figure as inline SVG, safe to stand in a page as it is."""
    from markupsafe import Markup
    from matplotlib import rc_context

    out = io.StringIO()
    with rc_context(STYLE):
        drawn.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :].replace(TEXT_COLOUR, "currentColor")
    text = re.sub(r"font: ([\d.]+)px [^;\"]+", r"font: \1px inherit", text)
    return Markup(text)  # matplotlib escapes the names of topics


def draw_svg(width: float, height: float, columns: int, paint: Any) -> Any:
    return figure_to_svg(make_figure(width, height, columns, paint))
