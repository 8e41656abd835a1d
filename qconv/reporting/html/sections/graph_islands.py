"""The graph of a variant: islands of operators in integers and in float."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from markupsafe import Markup

from qconv.reporting.html.pieces import Folded, Part, Plot, Plots, Words
from qconv.reporting.html.plots.graph_drawing import picture
from qconv.reporting.picture_data import Kind
from qconv.reporting.report_data import VariantReport
from qconv.reporting.sentences import counted

_WORDS: Mapping[Kind, str] = {
    "integer": "in integers",
    "float": "in float",
    "mixed": "in both",
    "other": "on no floats",
}


def graph_islands(variant: VariantReport) -> Part:
    """Return the folded graph, and how many islands there are of each kind."""
    name, title, graph = "graph", "The graph", variant.picture
    if graph is None or not graph.islands:
        return Part(name, title, (Words("The graph was not examined.", "soft"),))
    kinds = Counter(island.kind for island in graph.islands)
    told = ", ".join(f"{kinds[kind]} {word}" for kind, word in _WORDS.items() if kinds[kind])
    islands = counted(len(graph.islands), "island")
    said = f"An island is a group of connected operators that compute in the same way: {told}."
    caption = (
        "Inputs are at the top, outputs at the bottom; point at an island to read why it is in "
        "float."
    )
    drawing = Plots((Plot(caption, Markup(picture(graph))),))
    return Part(
        name, title, (Words(said), Folded(f"{islands} as a drawing", (drawing,))), wide=True
    )
