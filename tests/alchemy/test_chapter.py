"""A chapter's run: slug, random streams, what reaches the prose and the record, and how it ends."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys

import alchemy
import jax
import nbformat
import numpy as np
import pytest
from alchemy import at_least, chapter, claim, project, records, report, stats
from alchemy.claims import ClaimError
from myst_nb.ext.glue import GLUE_PREFIX as MYST_PREFIX
from myst_nb.ext.glue import extract_glue_data_cell
from threadpoolctl import threadpool_info

SLUG = "91-test-topic"


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """An open chapter at laptop scale, seed 3, in a book without records."""
    (tmp_path / "chapters").mkdir()
    monkeypatch.setenv("ALCHEMY_ROOT", str(tmp_path))
    monkeypatch.setenv("ALCHEMY_SCALE", "laptop")
    monkeypatch.setenv("ALCHEMY_SEED", "3")
    monkeypatch.setattr(chapter, "_current", None)
    return alchemy.open_chapter(SLUG)


BENCH = """
from dataclasses import dataclass

@dataclass(frozen=True)
class Setting:
    width: int = 3
"""


@pytest.mark.parametrize("place", ["root", "working folder", "beside the laboratory"])
def test_a_bench_is_a_module_of_its_own_wherever_the_page_lies(opened, tmp_path, monkeypatch, place):
    folder = tmp_path if place == "root" else tmp_path / "elsewhere"
    (folder / "chapters" / SLUG).mkdir(parents=True)
    (folder / "chapters" / SLUG / "bench.py").write_text(BENCH)
    if place == "working folder":
        monkeypatch.chdir(folder)
    elif place == "beside the laboratory":
        monkeypatch.setattr(chapter, "__file__", str(folder / "code" / "alchemy" / "chapter.py"))
    bench = opened.bench()
    assert bench.__name__ == "chapter_91_test_topic_bench" and bench.__name__.isidentifier()
    assert pickle.loads(pickle.dumps(bench.Setting(5))) == bench.Setting(5)
    (folder / "chapters" / SLUG / "bench.py").write_text(BENCH.replace("3", "44"))
    assert opened.bench().Setting().width == 44  # a cell that runs again sees what was edited


def test_a_chapter_without_a_bench_is_told_where_it_was_looked_for(opened, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        opened.bench()
    for part in (SLUG, str(tmp_path / "chapters" / SLUG / "bench.py"), "download its notebook again"):
        assert part in str(caught.value)


def drawn(**environment: str) -> str:
    """What a chapter draws in a process of its own, under these variables."""
    code = (
        "import alchemy, jax; keys = alchemy.open_chapter('91-test-topic').keys('a', 2)\n"
        "print(jax.random.normal(keys[0], (5,)).tolist(), jax.random.bits(keys[1], (3,)).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"JAX_PLATFORMS": "cpu"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def test_no_variable_of_the_environment_changes_what_a_key_draws():
    here = drawn()
    assert here.startswith("[") and drawn(ALCHEMY_SEED="1") != here
    assert drawn(JAX_DEFAULT_PRNG_IMPL="rbg") == here
    assert drawn(JAX_THREEFRY_PARTITIONABLE="0") == here


def registered(**changes):
    return claim(
        "test-topic/grows",
        **(
            dict(
                side="rigor",
                kind="experiment",
                says="It grows.",
                measure="growth",
                holds=at_least(0),
                seeds=12,
            )
            | changes
        ),
    )


class FakeKernel:
    """Stands where IPython stands in a kernel: keeps what is published."""

    def __init__(self, monkeypatch):
        from IPython import display

        self.published = []
        monkeypatch.setattr(chapter, "in_notebook", lambda: True)
        monkeypatch.setattr(
            display,
            "publish_display_data",
            lambda data, metadata=None: self.published.append((data, metadata)),
        )


def test_opening_prints_scale_seed_and_device(opened, capsys):
    alchemy.open_chapter(SLUG)
    line = capsys.readouterr().out
    for part in (SLUG, "scale laptop", "seed 3", chapter.device()):
        assert part in line
    assert opened.topic == "test-topic" and opened.reference is None


@pytest.mark.parametrize("slug", ["edge", "8", "08-", "-x", "08_edge", "08-Edge", "../08-edge", "08-edge.md", ""])
def test_a_wrong_slug_is_named(opened, slug):
    with pytest.raises(ValueError) as caught:
        alchemy.open_chapter(slug)
    assert repr(slug) in str(caught.value) and "08-edge-of-stability" in str(caught.value)


def test_without_an_open_chapter_nothing_is_claimed(opened, monkeypatch):
    monkeypatch.setattr(chapter, "_current", None)
    for call in (registered, lambda: report("test-topic/x", 1)):
        with pytest.raises(ClaimError, match="no chapter is open.*open_chapter"):
            call()


def test_claims_and_reports_stay_in_their_chapter(opened):
    with pytest.raises(ClaimError, match="'other/grows'.*'test-topic/'"):
        claim("other/grows")
    with pytest.raises(ValueError, match="'other/x'.*'test-topic/'"):
        report("other/x", 1.0)


# Random streams


def data(key) -> list:
    return np.asarray(jax.random.key_data(key)).tolist()


def test_streams_are_reproducible_and_differ_by_name_seed_and_chapter(opened, monkeypatch):
    same = alchemy.open_chapter(SLUG)
    other_chapter = alchemy.open_chapter("92-test-topic")
    monkeypatch.setenv("ALCHEMY_SEED", "4")
    other_seed = alchemy.open_chapter(SLUG)
    assert data(opened.key("a")) == data(same.key("a"))
    assert data(opened.keys("a", 5)) == data(same.keys("a", 5))
    assert opened.rng("a").normal() == same.rng("a").normal()
    for other, name in ((opened, "b"), (other_chapter, "a"), (other_seed, "a")):
        assert data(other.key(name)) != data(opened.key("a"))
        assert other.rng(name).normal() != opened.rng("a").normal()


def test_one_key_per_seed_and_all_differ(opened):
    keys = opened.keys("a", np.int64(50))
    assert keys.shape == (50,) and len({tuple(k) for k in data(keys)}) == 50
    draws = jax.vmap(lambda k: jax.random.normal(k, (2,)))(keys)
    assert len(np.unique(draws)) == 100


# What reaches the prose


def test_reported_values_are_glued_as_myst_nb_does_it(opened, monkeypatch):
    """What `myst_nb.glue(name, text, display=False)` sends, and what MyST-NB extracts from it."""
    kernel = FakeKernel(monkeypatch)
    report("test-topic/onset", np.float32(0.1234), ".2f")
    assert opened.reported["test-topic/onset"] == "0.12"
    ((bundle, metadata),) = kernel.published

    sent = []
    import myst_nb.ext.glue as myst_glue
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.instance()  # glue formats through the running shell
    monkeypatch.setattr(myst_glue, "ipy_display", lambda data, raw, metadata: sent.append((data, metadata)))
    myst_glue.glue("test-topic/onset", "0.12", display=False)
    assert (bundle, metadata) == sent[0]

    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data=bundle, metadata=metadata)])
    ((name, output),) = extract_glue_data_cell(cell)
    assert (name, output["data"]) == ("test-topic/onset", {"text/plain": "'0.12'"})
    assert MYST_PREFIX == chapter.GLUE_PREFIX and cell.outputs == []  # nothing of it is displayed


@pytest.mark.parametrize("value", [float("nan"), np.float32("inf")])
def test_prose_gets_no_number_that_is_none(opened, value):
    with pytest.raises(ValueError, match="prose cannot print it"):
        report("test-topic/onset", value)


def test_a_verdict_is_glued_and_shown(opened, monkeypatch):
    kernel = FakeKernel(monkeypatch)
    registered().judge(np.linspace(1, 2, 12))
    names = [m["scrapbook"]["name"] for _, m in kernel.published if "scrapbook" in m]
    assert names == ["test-topic/grows"] + [
        f"test-topic/grows/{part}" for part in ("estimate", "low", "high", "n", "word", "diverged")
    ]
    assert set(kernel.published[-1][0]) == {"text/html", "text/markdown", "text/plain"}
    assert opened.reported["test-topic/grows/word"] == "held"


def test_a_real_kernel_publishes_cards_glue_and_figures(opened):
    """The whole way once, as the build goes it: kernel, messages, notebook, and what MyST-NB reads."""
    from nbclient import NotebookClient

    cells = [
        f"import alchemy\nfrom alchemy import figures, claim, at_least\nchapter = alchemy.open_chapter({SLUG!r})",
        "c = claim('test-topic/grows', side='rigor', kind='experiment', says='It grows.', measure='m',\n"
        "          holds=at_least(0), seeds=12)\nc",
        "c.judge(range(1, 13));",
        "fig, ax = figures.new()\nax.scatter(range(5000), range(5000), c=range(5000))\n"
        "figures.show(fig, alt='A diagonal of five thousand points.', caption='No seeds.')",
        "chapter.finish()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    nbformat.validate(notebook)
    assert "It grows." in notebook.cells[1].outputs[0]["data"]["text/html"]
    glued = dict(extract_glue_data_cell(notebook.cells[2]))
    assert glued["test-topic/grows/word"]["data"] == {"text/plain": "'held'"}
    (card,) = notebook.cells[2].outputs
    assert "alchemy-verdict held" in card["data"]["text/html"]
    (figure,) = notebook.cells[3].outputs
    assert base64.b64decode(figure["data"]["image/png"]).startswith(b"\x89PNG")
    assert figure["metadata"]["image/png"]["alt"] == "A diagonal of five thousand points."
    assert notebook.cells[4].outputs[0]["data"][chapter.CHAPTER_MIME]["slug"] == SLUG


def test_without_a_kernel_text_is_printed(opened, capsys):
    registered().judge(np.linspace(1, 2, 12))
    assert "✓ HELD  test-topic/grows" in capsys.readouterr().out
    assert not chapter.in_notebook()


# What is kept for the record


def test_kept_curves_keep_small_numbers_and_mark_what_is_not_one(opened):
    opened.keep("loss", steps=np.arange(3), value=[1.23456789e-12, np.nan, np.inf])
    assert opened.curves["loss"] == {"steps": [0.0, 1.0, 2.0], "value": [1.234568e-12, None, None]}
    opened.keep("grid", z=np.ones((2, 3)))
    assert np.shape(opened.curves["grid"]["z"]) == (2, 3)


def test_large_curves_are_refused(opened):
    with pytest.raises(ValueError, match="'big' holds 20001.*20000.*thinned"):
        opened.keep("big", a=np.ones(20_000), b=1.0)
    assert "big" not in opened.curves


def test_summary_is_strict_json(opened):
    registered(seeds=np.int64(12)).judge(stats.Interval(1, 0.5, np.inf, 12))
    opened.keep("c", y=[np.nan])
    found = json.loads(json.dumps(opened.summary(), allow_nan=False))
    assert (found["slug"], found["scale"], found["seed"]) == (SLUG, "laptop", 3)
    assert found["claims"][0]["verdict"]["word"] == "held" and found["curves"] == {"c": {"y": [None]}}


# The end


def test_finish_refuses_claims_that_were_never_judged(opened):
    done = registered()
    claim(
        "test-topic/forgotten",
        side="rigor",
        kind="theorem",
        says="s",
        measure="m",
        holds=at_least(0),
        seeds=1,
    )
    done.judge(np.linspace(1, 2, 12))
    with pytest.raises(ClaimError, match="test-topic/forgotten.*Judge every claim"):
        opened.finish()


def test_finish_shows_the_table_and_hands_over_the_verdicts(opened, monkeypatch):
    kernel = FakeKernel(monkeypatch)
    registered().judge(np.linspace(1, 2, 12))
    opened.keep("c", y=np.ones(5))
    opened.finish()
    bundle = kernel.published[-1][0]
    assert "alchemy-summary" in bundle["text/html"]
    found = bundle[chapter.CHAPTER_MIME]
    assert found["claims"][0]["verdict"]["word"] == "held" and found["curves"] == {}
    json.dumps(found, allow_nan=False)


def test_the_reference_is_drawn_beside_the_live_result(opened, capsys):
    registered().judge(np.linspace(1, 2, 12))
    (project.page(SLUG)).write_text("```{code-cell}\na = 1\n```\n")
    found = opened.summary() | {"scale": "gpu"}
    records.save(
        records.Record(
            slug=SLUG,
            claims=found["claims"],
            provenance=records.Provenance(
                device="1 gpu",
                time="2026-01-01T00:00:00Z",
                seconds=60,
                scale="gpu",
                seed=0,
                code="0",
                versions="python==3.11",
                settings="Linux x86_64",
            ),
        ),
        project.evidence(SLUG, "gpu.json"),
    )
    capsys.readouterr()
    again = alchemy.open_chapter(SLUG)
    assert "GPU record: 1 gpu, 60 s" in capsys.readouterr().out
    assert again.ledger.references["test-topic/grows"].n == 12
    registered().judge(np.linspace(1, 2, 12))
    assert "GPU record: " in capsys.readouterr().out


def test_an_open_chapter_leaves_the_cores_to_jax(opened):
    blas = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    assert blas and all(lib["num_threads"] == 1 for lib in blas)
