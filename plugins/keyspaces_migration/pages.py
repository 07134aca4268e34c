"""Reports as HTML pages that can be sent: no script, nothing fetched, the plots within, as SVG."""

import io
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final

import matplotlib as mpl
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's colours, which people with colour blindness tell apart.
BLUE, ORANGE, GREEN, RED, SKY, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#777777"
_WIDTH_IN = 8.6
_PLOT_STYLE: Final[dict[Any, Any]] = {
    "svg.hashsalt": "keyspaces-migration",  # otherwise ids are random, and the same report never the same file
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
}

_STYLE: Final = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; color: #1b1f24;
  max-width: 76rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #d8dee4; padding-bottom: .25rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: .75rem 0; font-size: .88rem; }
th, td { border: 1px solid #d8dee4; padding: .3rem .55rem; text-align: left; vertical-align: top; }
th { background: #f3f5f7; } tr:nth-child(even) td { background: #fafbfc; }
code { font: .88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: #f3f5f7; border-radius: 3px;
  padding: .1em .3em; overflow-wrap: break-word; }
pre { background: #f6f8fa; padding: .75rem; overflow-x: auto; } pre code { background: none; padding: 0; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; }
@media print { body { max-width: none; margin: 0; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""


def html(markdown: str, *, title: str, plots: Mapping[str, tuple[str, str]]) -> str:
    """The page.

    Args:
        markdown: The report; raw HTML in it stays text.
        title: For the browser's tab.
        plots: By the file name that the report's images have: what the plot shows in words, and the SVG.
    """

    def image(tokens: list[Token], index: int, *_: object) -> str:
        alternative, svg = plots[str(tokens[index].attrs["src"])]
        return f'<figure role="img" aria-label="{escape(alternative)}">{svg}</figure>'

    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    renderer.add_render_rule("image", lambda _self, *arguments: image(*arguments), fmt=RendererHTML.__output__)
    body = renderer.render(markdown)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )


def svg(draw: Callable[[Axes], None], *, height_in: float) -> str:
    """A plot as SVG; the same drawing gives the same text."""
    with mpl.rc_context(_PLOT_STYLE):
        figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
        draw(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]
