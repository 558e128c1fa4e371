"""The house style: one palette and one set of shapes for the whole book, and figures with a text alternative.

Theory is a line, experiment a set of points with a band; rigor is a triangle, practice a disc. Colours are
from Okabe and Ito's palette, told apart by people with any common colour vision.

Figures are legible on a phone (no wider than WIDTH inches, at most two panels side by side, no letter below SMALLEST),
transparent, so that the page decides what is behind them, and the same whatever a user's matplotlibrc says.
"""

from __future__ import annotations

import io
import textwrap
from types import SimpleNamespace
from typing import Any, SupportsFloat

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Array, Num
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from alchemy.chapter import in_notebook
from alchemy.chapter import show as show_bundle

COLORS = SimpleNamespace(
    theory="#0072B2",
    experiment="#D55E00",
    rigor="#0072B2",
    practice="#D55E00",
    control="#5C5C5C",
    region="#009E73",
    reference="#7B4B94",
    neither="#5C5C5C",
)
# For several experiment arms in one figure, in this order; always with MARKERS or LINES beside.
CYCLE = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#8A6D00", "#56B4E9", "#5C5C5C")
MARKERS = SimpleNamespace(theory="", experiment="o", rigor="^", practice="o", control="s", reference="D")
MARKER_CYCLE = ("o", "^", "s", "D", "v", "P", "X")
WIDTH, SMALLEST = 7.2, 9.0  # inches, points: on a phone of 390 pixels the smallest letters have 7
MOST_SVG = 300_000  # bytes
MOST_NUMBERS = 80  # cells of a heat map that still have room for a number each
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))

STYLE = {
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10,
    "font.size": 10,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "axes.prop_cycle": mpl.cycler(color=CYCLE),
    "svg.fonttype": "path",
    "svg.hashsalt": "alchemy",
}


def _pin() -> None:
    """The house style on Matplotlib's own defaults: nothing of a user's matplotlibrc is left."""
    mpl.rcdefaults()
    mpl.rcParams.update(STYLE)


def new(
    rows: int = 1, columns: int = 1, *, width: SupportsFloat = WIDTH, height: SupportsFloat = 3.6, **options: Any
) -> tuple[Figure, Any]:
    """A figure in the house style with `rows` x `columns` axes; width (at most WIDTH) and height in inches, of the whole.

    More than two columns would be too small on a phone: the panels are laid out two by two in reading order, and the
    figure grows taller. What is returned keeps its shape; an axis shared by all panels is numbered at every outer one.
    Raises ValueError for a width that a page does not have.
    """
    if not 0 < float(width) <= WIDTH:
        raise ValueError(f"width is {width}; expected at most {WIDTH} inches, beyond which letters are too small on a phone.")
    # The style stays on: titles, legends and lines take theirs when they are drawn, which is after this returns.
    _pin()
    if columns <= 2:
        return plt.subplots(rows, columns, figsize=(width, height), **options)
    panels = rows * columns
    tall = -(-panels // 2)
    fig, axes = plt.subplots(tall, 2, figsize=(width, float(height) / rows * tall), squeeze=False, **options)
    for hole in axes.flat[panels:]:  # at most one, below the right column
        hole.remove()
        axes[-2, 1].tick_params(labelbottom=True)
    shaped = np.array(axes.flat[:panels], object).reshape(rows, columns)
    return fig, shaped[0] if rows == 1 else shaped


Points = Num[np.ndarray | Array, " points"]
Curve = Num[np.ndarray | Array, " curve"]
Samples = Num[np.ndarray | Array, "seeds points"]


def band(
    ax: Axes,
    x: Points,
    samples: Samples,
    *,
    label: str,
    color: str = COLORS.experiment,
    marker: str = MARKERS.experiment,
    line: str = "-",
    low: SupportsFloat = 2.5,
    high: SupportsFloat = 97.5,
) -> None:
    """Median over seeds with the band from the `low`-th to the `high`-th percentile of the seeds.

    Seeds with non-finite values are left out point by point; say in the caption how many diverged.
    """
    samples = np.asarray(samples, np.float64)
    samples = np.where(np.isfinite(samples), samples, np.nan)
    some = np.isfinite(samples).any(axis=0)  # a point that no seed reached leaves a gap
    bottom, middle, top = np.full((3, samples.shape[1]), np.nan)
    bottom[some], middle[some], top[some] = np.nanpercentile(samples[:, some], [low, 50, high], axis=0)
    ax.fill_between(x, bottom, top, color=color, alpha=0.18, linewidth=0)
    ax.plot(x, middle, color=color, marker=marker, markersize=4, linestyle=line, label=label, markevery=max(1, len(x) // 24))


def theory_vs_experiment(
    ax: Axes,
    x_theory: Curve,
    y_theory: Curve,
    x: Points,
    samples: Samples,
    *,
    region: tuple[Any, Any] | None = None,
    theory: str = "theory",
    experiment: str = "experiment (median, 95 % of seeds)",
) -> None:
    """The house figure: the theory's line, the experiment's points and band, the registered region."""
    if region is not None:
        ax.axhspan(*region, color=COLORS.region, alpha=0.12, label="registered region")
    ax.plot(x_theory, y_theory, color=COLORS.theory, linestyle="-", label=theory)
    band(ax, x, samples, label=experiment)


def heatmap(
    ax: Axes,
    columns: ArrayLike,
    rows: ArrayLike,
    values: ArrayLike,
    *,
    label: str,
    low: SupportsFloat | None = None,
    high: SupportsFloat | None = None,
    spec: str = ".2f",
) -> None:
    """The heat map of the book: perceptually uniform and readable in grey, with its scale and, where there is room, numbers.

    columns, rows: what the cells stand for along x and y, shapes (columns,) and (rows,); values: (rows, columns). Cells
    are drawn at equal size, row 0 at the bottom; one that is not finite is hatched. low, high: ends of the colour
    scale. spec: format of the numbers in the cells. Raises ValueError if the shapes do not fit.
    """
    values = np.asarray(values, np.float64)
    if values.shape != (len(np.asarray(rows)), len(np.asarray(columns))):
        raise ValueError(
            f"values have shape {values.shape}; expected (rows, columns) = ({len(np.asarray(rows))}, {len(np.asarray(columns))})."
        )
    seen = np.isfinite(values)
    ax.set_facecolor("#E6E6E6")
    image = ax.imshow(np.where(seen, values, np.nan), origin="lower", aspect="auto", cmap="cividis", vmin=low, vmax=high)
    for row, column in np.argwhere(~seen):
        ax.add_patch(
            mpl.patches.Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="///", linewidth=0, edgecolor=COLORS.control)
        )
    ax.set_xticks(range(values.shape[1]), [format(c, "g") for c in np.asarray(columns)])
    ax.set_yticks(range(values.shape[0]), [format(r, "g") for r in np.asarray(rows)])
    ax.grid(False)
    if values.size <= MOST_NUMBERS:
        for row, column in np.argwhere(seen):
            dark = image.norm(values[row, column]) < 0.45  # where white and black stand out alike
            ax.text(
                column,
                row,
                format(values[row, column], spec),
                ha="center",
                va="center",
                fontsize=SMALLEST,
                color="white" if dark else "black",
            )
    ax.figure.colorbar(image, ax=ax, label=label)


def show(fig: Figure, *, alt: str, caption: str = "") -> None:
    """Display a figure with its text alternative (what a reader should see, with measured numbers) and caption.

    It is published as SVG, or as PNG where that would be large, and closed. Raises ValueError if `alt` says nothing.
    """
    if len(alt.split()) < 5:
        raise ValueError(f"alt text is {alt!r}; expected a sentence that tells what the figure shows, with the measured numbers.")
    _fit_letters(fig)
    if in_notebook():
        kind, data = _drawn(fig)
        show_bundle({kind: data, "text/plain": f"[figure] {alt}"}, {kind: {"alt": alt, "caption": caption}})
    else:
        print(f"[figure] {alt}", flush=True)
    plt.close(fig)


def _fit_letters(fig: Figure) -> None:
    """No letter below SMALLEST, and titles in as many lines as their panel is too narrow for."""
    for text in fig.findobj(mpl.text.Text):
        text.set_fontsize(max(text.get_fontsize(), SMALLEST))
    fig.draw_without_rendering()
    boxes = {ax: ax.get_window_extent() for ax in fig.axes}
    for ax, box in boxes.items():
        title = next((t for t in ax.findobj(mpl.text.Text) if t.get_text() and t.get_text() == ax.get_title("left")), None)
        if title is None:
            continue
        beside = [b.x0 for b in boxes.values() if b.x0 > box.x1 and b.y0 < box.y1 and b.y1 > box.y0]
        room, wide = min([fig.bbox.width, *beside]) - box.x0, title.get_window_extent().width
        if wide > room:
            lines = textwrap.wrap(title.get_text(), int(len(title.get_text()) * room / wide))
            if all(line.count("$") % 2 == 0 for line in lines):  # no formula is broken
                title.set_text("\n".join(lines))


def _drawn(fig: Figure) -> tuple[str, Any]:
    svg, png = io.BytesIO(), io.BytesIO()
    with mpl.rc_context():
        _pin()
        # Without a date the same figure is the same file.
        fig.savefig(svg, format="svg", metadata={"Date": None})
        # SVG travels compressed, at about a fifth; a figure of very many marks is smaller as pixels.
        if len(svg.getvalue()) < MOST_SVG:
            return "image/svg+xml", svg.getvalue().decode("utf-8")
        fig.savefig(png, format="png", dpi=170)
    return "image/png", png.getvalue()
