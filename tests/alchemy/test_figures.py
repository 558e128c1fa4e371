"""Figures: the house style, a text alternative on each, and the smaller of two formats."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from alchemy import figures
from matplotlib.colors import to_rgb

ALT = "Five words that say what is drawn."


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def published(monkeypatch):
    """What a kernel would receive."""
    found = []
    monkeypatch.setattr(figures, "in_notebook", lambda: True)
    monkeypatch.setattr(figures, "show_bundle", lambda bundle, metadata: found.append((bundle, metadata)))
    return found


@pytest.mark.parametrize("alt", ["", "loss curve", "one two three four"])
def test_a_figure_needs_a_text_alternative(published, alt):
    fig, _ = figures.new()
    with pytest.raises(ValueError, match="alt text.*sentence"):
        figures.show(fig, alt=alt)
    with pytest.raises(TypeError):
        figures.show(fig)
    assert not published


def test_a_simple_figure_travels_as_svg_with_its_texts(published):
    fig, ax = figures.new()
    ax.plot([0, 1], [0, 1])
    figures.show(fig, alt=ALT, caption="One line.")
    ((bundle, metadata),) = published
    assert bundle["image/svg+xml"].startswith("<?xml") and bundle["text/plain"] == f"[figure] {ALT}"
    assert metadata == {"image/svg+xml": {"alt": ALT, "caption": "One line."}}
    assert not plt.fignum_exists(fig.number)


def test_a_figure_of_many_points_travels_as_png(published):
    fig, ax = figures.new()
    ax.scatter(*np.random.default_rng(0).normal(size=(2, 5_000)))
    figures.show(fig, alt=ALT)
    ((bundle, metadata),) = published
    assert bundle["image/png"].startswith(b"\x89PNG") and metadata["image/png"]["alt"] == ALT


def test_the_same_figure_is_the_same_file(published):
    for _ in range(2):
        fig, ax = figures.new()
        ax.plot([0, 1], [0, 1])
        figures.show(fig, alt=ALT)
    assert published[0][0] == published[1][0]


def test_without_a_kernel_the_alternative_is_printed(capsys):
    fig, _ = figures.new()
    figures.show(fig, alt=ALT)
    assert capsys.readouterr().out == f"[figure] {ALT}\n" and not plt.fignum_exists(fig.number)


def test_the_style_reaches_what_is_drawn_later():
    fig, axes = figures.new(1, 2, width=6, height=3)
    assert tuple(fig.get_size_inches()) == (6, 3) and len(axes) == 2
    ax = axes[0]
    ax.set_title("A finding")
    ax.plot([0, 1], [0, 1], label="a")
    assert ax.get_title(loc="left") == "A finding" and ax.get_title(loc="center") == ""
    assert not ax.legend().get_frame_on() and ax.lines[0].get_linewidth() == 1.8
    assert not ax.spines["top"].get_visible()


PLAIN = """
import hashlib, sys
from alchemy import figures
figures.in_notebook = lambda: True
found = []
figures.show_bundle = lambda bundle, metadata: found.append(bundle)
fig, axes = figures.new(1, 2)
for ax in axes:
    ax.plot([0, 1], [0, 1], label="a")
    ax.set(title="A finding", xlabel="step $t$", ylabel="loss")
    ax.legend()
figures.heatmap(axes[1], [1, 2], [1, 2], [[0, 1], [1, 0]], label="share")
figures.show(fig, alt="Five words that say it.")
print(*sorted(found[0]), hashlib.sha256(found[0]["image/svg+xml"].encode()).hexdigest())
"""


@pytest.mark.parametrize(
    "rc",
    [
        "text.color: white",
        "text.usetex: True",
        "figure.facecolor: black\nfont.size: 30",
        "lines.linestyle: --\nsavefig.transparent: False\nsavefig.bbox: tight",
    ],
)
def test_nothing_of_a_users_own_matplotlibrc_is_in_a_figure(tmp_path, rc):
    def drawn(**environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", PLAIN],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"MPLBACKEND": "agg", "JAX_PLATFORMS": "cpu"} | environment,
        )
        return done.stdout

    (tmp_path / "matplotlibrc").write_text(rc + "\n")
    (tmp_path / "empty").mkdir()
    assert drawn(MPLCONFIGDIR=str(tmp_path)) == drawn(MPLCONFIGDIR=str(tmp_path / "empty"))


@pytest.mark.parametrize(
    ("rows", "columns", "shape", "places"),
    [
        (1, 3, (3,), [(0, 0), (0, 1), (1, 0)]),
        (1, 4, (4,), [(0, 0), (0, 1), (1, 0), (1, 1)]),
        (2, 4, (2, 4), [(i, j) for i in range(4) for j in range(2)]),
    ],
)
def test_more_than_two_columns_are_stacked_and_keep_their_shape(rows, columns, shape, places):
    fig, axes = figures.new(rows, columns, height=2.0, sharex=True, sharey=True)
    assert axes.shape == shape and len(fig.axes) == rows * columns
    found = [(ax.get_subplotspec().rowspan.start, ax.get_subplotspec().colspan.start) for ax in axes.flat]
    assert found == places
    assert fig.get_size_inches().tolist() == pytest.approx([7.2, 2.0 / rows * (places[-1][0] + 1)])
    for ax, (row, column) in zip(axes.flat, places, strict=True):
        # An axis has its numbers where nothing is below it, and at the left.
        numbered = ax.xaxis.get_tick_params()["labelbottom"], ax.yaxis.get_tick_params()["labelleft"]
        assert numbered == ((row + 1, column) not in places, column == 0)
    axes.flat[0].set_xlim(3, 4)
    assert axes.flat[-1].get_xlim() == (3, 4)


@pytest.mark.parametrize("width", [7.3, 0, -1])
def test_a_figure_wider_than_the_page_is_refused(width):
    with pytest.raises(ValueError, match=f"width is {width}; expected at most 7.2 inches"):
        figures.new(width=width)


def test_no_letter_is_too_small_for_a_phone(published):
    fig, ax = figures.new()
    ax.plot([0, 1], [0, 1], label="a")
    ax.set_title("small", fontsize=6)
    ax.tick_params(labelsize=5)
    ax.legend(fontsize=4)
    figures.show(fig, alt=ALT)
    drawn = [t for t in fig.findobj(plt.Text) if t.get_text() and t.get_visible()]
    assert {"small", "a", "0.0"} <= {t.get_text() for t in drawn} and min(t.get_fontsize() for t in drawn) >= 9


def test_a_title_too_long_for_its_panel_goes_on_in_the_next_line(published):
    fig, (left, right) = figures.new(1, 2)
    left.set_title("Do small networks obey the theory of very wide ones?")
    right.set_title("Short")
    figures.show(fig, alt=ALT)
    assert left.get_title("left").split("\n")[0].startswith("Do small networks") and "\n" in left.get_title("left")
    assert left.get_title("left").replace("\n", " ") == "Do small networks obey the theory of very wide ones?"
    assert right.get_title("left") == "Short"
    fig.draw_without_rendering()
    (title,) = [t for t in left.findobj(plt.Text) if t.get_text() == left.get_title("left")]
    assert title.get_window_extent().x1 < right.get_window_extent().x0


def test_what_is_behind_a_figure_is_the_pages(published):
    """Nothing is painted where nothing is drawn, in either format."""
    fig, ax = figures.new()
    ax.plot([0, 1], [0, 1])
    figures.show(fig, alt=ALT)
    fig, ax = figures.new()
    ax.scatter(*np.random.default_rng(0).normal(size=(2, 5_000)))
    figures.show(fig, alt=ALT)
    svg, png = published[0][0]["image/svg+xml"], published[1][0]["image/png"]
    assert "fill: #ffffff" not in svg and "fill: white" not in svg
    pixels = plt.imread(io.BytesIO(png))
    assert pixels.shape[2] == 4 and pixels[0, 0, 3] == 0 and (pixels[..., 3] == 0).mean() > 0.3


@pytest.mark.filterwarnings("error")
def test_band_is_the_percentiles_and_leaves_out_what_diverged():
    _, ax = figures.new()
    samples = np.tile(np.arange(101.0)[:, None], (1, 4))
    samples[:, 2] = np.nan  # no seed reached this point: a gap, and no warning
    samples[50:, 3] = np.inf
    figures.band(ax, np.arange(4), samples, label="seeds")
    (line,) = ax.lines
    assert line.get_ydata()[:2] == pytest.approx([50, 50]) and np.isnan(line.get_ydata()[2])
    assert line.get_ydata()[3] == pytest.approx(24.5)  # the median of those that are left
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((2.5, 97.5))
    assert line.get_label() == "seeds"


def test_theory_and_experiment_are_told_apart_without_colour():
    import jax.numpy as jnp

    _, ax = figures.new()
    figures.theory_vs_experiment(ax, np.linspace(0, 1, 50), jnp.ones(50), np.arange(3), jnp.ones((5, 3)), region=(0.9, 1.1))
    theory, experiment = ax.lines
    assert theory.get_marker() in ("None", "", None) and experiment.get_marker() == "o"
    assert to_rgb(theory.get_color()) != to_rgb(experiment.get_color())
    labels = ax.get_legend_handles_labels()[1]
    assert labels == ["registered region", "theory", "experiment (median, 95 % of seeds)"]


def test_each_arm_has_a_colour_a_marker_and_a_line_of_its_own():
    for options in (figures.CYCLE, figures.MARKER_CYCLE, figures.LINES):
        assert len(set(options)) == 7


def test_shapes_that_do_not_fit_are_refused():
    _, ax = figures.new()
    with pytest.raises(Exception, match="samples"):
        figures.band(ax, np.arange(4), np.ones((5, 3)), label="x")


def test_colours_are_readable_on_white():
    """At least 3:1 against the page, the least for a graphical object (WCAG 2.1, 1.4.11)."""

    def luminance(color):
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(color)]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    for name, color in vars(figures.COLORS).items():
        assert 1.05 / (luminance(color) + 0.05) >= 3, name


def test_no_figure_warns_that_many_are_open(published):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(22):
            fig, _ = figures.new()
            figures.show(fig, alt=ALT)


# Heat maps


def luminance(rgb):
    linear = np.where(np.array(rgb) <= 0.03928, np.array(rgb) / 12.92, ((np.array(rgb) + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(a, b):
    """WCAG 2's ratio of two colours."""
    bright, dark = sorted([luminance(a), luminance(b)], reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_a_heat_map_of_another_shape_is_refused():
    _, ax = figures.new()
    with pytest.raises(ValueError, match=r"shape \(2, 3\); expected .* \(3, 2\)"):
        figures.heatmap(ax, [1, 2], [1, 2, 3], np.zeros((2, 3)), label="share")


def test_a_heat_map_names_its_cells_and_hatches_the_missing_ones():
    fig, ax = figures.new()
    values = np.array([[0.0, 0.5, 1.0], [0.25, np.nan, 0.75]])
    figures.heatmap(ax, [1, 10, 100], [0.5, 2.0], values, label="share", low=0, high=1)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "10", "100"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0.5", "2"]
    assert {t.get_text(): t.get_position() for t in ax.texts} == {
        "0.00": (0, 0),
        "0.50": (1, 0),
        "1.00": (2, 0),
        "0.25": (0, 1),
        "0.75": (2, 1),
    }
    assert [patch.get_xy() for patch in ax.patches] == [(0.5, 0.5)]
    assert fig.axes[1].get_ylabel() == "share"


def test_a_heat_map_too_fine_for_numbers_has_none():
    _, ax = figures.new()
    figures.heatmap(ax, np.arange(20), np.arange(20), np.zeros((20, 20)), label="share")
    assert not ax.texts


def test_the_numbers_of_a_heat_map_stand_out_from_their_cells():
    fig, ax = figures.new()
    values = np.linspace(0, 1, 11)[None]
    figures.heatmap(ax, np.arange(11), [0], values, label="share")
    image = ax.images[0]
    for text, value in zip(ax.texts, values[0], strict=True):
        assert contrast(to_rgb(text.get_color()), image.cmap(image.norm(value))[:3]) >= 4.5
