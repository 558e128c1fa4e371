"""The explorables' numbers, as Vega computes them from the compiled specifications, against the theory and the records."""

from __future__ import annotations

import ast
import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("altair", reason="the site's tools are not installed")
pytest.importorskip("vl_convert", reason="the site's tools are not installed")

from alchemy import evidence, project  # noqa: E402
from alchemy.stats import mean_interval  # noqa: E402
from alchemy.theory import deep_linear, kernels, mean_field, online  # noqa: E402
from press import charts, explorables, recordings  # noqa: E402

ROOT = Path(__file__).parents[2]
CHAPTERS = ROOT / "chapters"
PATHS = {explorables.identifier(path): path for path in sorted(CHAPTERS.glob("*/explorable*.py"))}
RECORDERS = sorted(CHAPTERS.glob("*/record*.py"))
lottery, fourier = project.load(PATHS["alchemy"]), project.load(PATHS["random-kitchen-sinks"])
descent, modes = (project.load(PATHS[f"gradient-descents-fault-{name}"]) for name in ("descent", "modes"))
signal, toll = project.load(PATHS["initialization"]), project.load(PATHS["adam"])
sharpness = project.load(PATHS["edge-of-stability"])


@pytest.fixture(scope="module")
def spec():
    """Compiled charts by module, each compiled once."""
    made = {}

    def compiled(module):
        if module.__name__ not in made:
            made[module.__name__] = charts.compiled(module.chart())
        return made[module.__name__]

    return compiled


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_every_explorable_is_complete(spec, path):
    module = project.load(path)
    table = module.table()
    assert all(len(row) == len(table.headers) for row in table.rows) and len(table.rows) > 3
    assert re.search(r"\d", module.alternative()) and module.CAPTION and module.TITLE
    names = {s["name"] for s in spec(module)["signals"]}
    assert "says" in names
    sliders = [s for s in spec(module)["signals"] if s.get("bind", {}).get("input") == "range"]
    assert sliders and all(f"{s['name']}_shown" in names and s["bind"]["name"] for s in sliders)
    assert len(gzip.compress(json.dumps(spec(module)).encode())) < 150_000
    assert "NaN" not in charts.signal_texts(spec(module), ["says"])["says"]


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_an_explorable_stands_once_in_its_chapter(path):
    page = project.page(path.parent.name).read_text(encoding="utf-8")
    suffixes = re.findall(r"(?m)^:::+\{explorable\} *(\w*)$", page)
    assert [explorables.source(path.parent, suffix) for suffix in suffixes].count(path) == 1


def test_an_explorable_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(project.ProjectError, match=r"explorable_mode\.py.*explorable_descent\.py, explorable_modes\.py"):
        explorables.source(CHAPTERS / "03-gradient-descents-fault", "mode")


@pytest.mark.parametrize("recorder", RECORDERS, ids=lambda p: p.parent.name)
def test_a_record_is_of_the_sources_of_today(recorder):
    kept = json.loads(recordings.target(recorder).read_text(encoding="utf-8"))
    assert {"recorded", "machine", "jax"} <= set(kept)
    assert (kept["scale"], kept["seed"]) == ("laptop", 0)
    again = f"stale; run `python -m press.recordings {recorder.parent.name[:2]}`"
    assert kept["fingerprint"] == recordings.today(recorder), again


def test_every_record_has_its_recorder():
    assert {recordings.target(recorder) for recorder in RECORDERS} == set(CHAPTERS.glob("*/explorable*.json"))


def test_a_record_says_where_it_comes_from_and_notices_its_sources(tmp_path):
    (tmp_path / "bench.py").write_text("STEPS = 3\n")
    recorder = tmp_path / "record.py"
    recorder.write_text(
        "from pathlib import Path\nSOURCES = [Path(__file__).with_name('bench.py')]\n"
        "def record(results):\n    return {'seen': results()['01-x']['device']}\n"
    )
    kept = json.loads(recordings.write(recorder, lambda: {"01-x": {"device": "1 test"}}).read_text(encoding="utf-8"))
    assert (tmp_path / "explorable.json").is_file() and kept["seen"] == "1 test"
    (tmp_path / "bench.py").write_text("STEPS = 3  # said again\n")
    assert recordings.today(recorder) == kept["fingerprint"]
    (tmp_path / "bench.py").write_text("STEPS = 4\n")
    assert recordings.today(recorder) != kept["fingerprint"]


@pytest.mark.parametrize(
    ("kappa", "eta", "beta"), [(100, 1.9, 0.0), (100, 3.3, 0.67), (10, 1.0, 0.5), (1, 0.3, 0.9), (1000, 2.05, 0.0), (30, 1, 0)]
)
def test_descent_solves_its_recurrence(spec, kappa, eta, beta):
    vega = spec(descent)
    rows = charts.rows(vega, charts.data_with(vega, "slow"), ["t", "slow", "fast"], kappa=kappa, eta=eta, beta=beta)
    path = {int(r["t"]): (r["slow"], r["fast"]) for r in rows}
    expected = descent.errors(kappa, eta, beta)
    for t in (0, 1, 2, 7, 40):
        assert path[t] == pytest.approx(expected[t], rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(("kappa", "eta", "beta"), [(100, 1.9, 0.0), (100, 3.3, 0.67), (10, 0.5, 0.2), (3, 2.5, 0.1)])
def test_descent_names_the_rate_that_the_recurrence_shows(spec, kappa, eta, beta):
    left = float(charts.signal_texts(spec(descent), ["left"], kappa=kappa, eta=eta, beta=beta)["left"])
    lam = np.array([1 / kappa, 1.0])
    roots = [np.abs(np.roots([1, -(1 + beta - eta * each), beta])).max() for each in lam]
    assert left == pytest.approx(max(roots), rel=1e-9)


@pytest.mark.parametrize(("kappa", "log_start"), [(20, -6), (100, -8), (5, -2)])
def test_modes_follow_the_exact_solution(spec, kappa, log_start):
    vega = spec(modes)
    rows = charts.rows(vega, charts.data_with(vega, "u"), ["t", "s", "u"], kappa=kappa, log_start=log_start)
    t, s, u = (np.array([r[k] for r in rows]) for k in ("t", "s", "u"))
    assert len(rows) == modes.MODES * len(modes.TIMES)
    assert u == pytest.approx(deep_linear.strength(t, s, 10.0**log_start), rel=1e-6)
    half = charts.rows(vega, charts.data_with(vega, "half"), ["s", "half"], kappa=kappa, log_start=log_start)
    for row in half:
        assert row["half"] == pytest.approx(deep_linear.learning_time(row["s"], 10.0**log_start), rel=1e-9)


def test_one_layer_is_gradient_flow_on_one_matrix(spec):
    vega = spec(modes)
    rows = charts.rows(vega, charts.data_with(vega, "u"), ["t", "s", "u"], kappa=20, log_start=-4, layers=1)
    rng = np.random.default_rng(0)
    (U, _), (V, _) = np.linalg.qr(rng.normal(size=(6, 6))), np.linalg.qr(rng.normal(size=(6, 6)))
    A, W, step = (U * modes.values(20)) @ V.T, 1e-4 * U @ V.T, 1e-4
    for _ in range(10_000):  # to t = 1, in the unit of tau
        W = W + step * (A - W)
    strengths = np.diag(U.T @ W @ V)
    at = [r["u"] for r in sorted(rows, key=lambda r: -r["s"]) if r["t"] == pytest.approx(1.0, rel=1e-6)]
    assert at == pytest.approx(strengths, rel=1e-3)


def test_sharpness_is_recorded_as_the_page_runs():
    recorder = project.load(PATHS["edge-of-stability"].with_name("record.py"))
    cells = "\n".join(project.code_cells(project.page("08-edge-of-stability").read_text(encoding="utf-8")))
    calls = [node for node in ast.walk(ast.parse(cells)) if isinstance(node, ast.Call)]
    (choose,) = (call for call in calls if ast.unparse(call.func) == "chapter.choose")
    (laptop,) = (k.value for k in choose.keywords if k.arg == "laptop")
    page = {k.arg: ast.literal_eval(k.value) for k in laptop.keywords}
    assert {name: page[name] for name in recorder.SETTINGS} == recorder.SETTINGS
    assert set(page["etas"]) | set(page["wild"]) < set(recorder.ETAS)
    assert f'"{recorder.STREAM}"' in cells


def test_sharpness_shows_its_record_and_meets_the_line(spec):
    vega = spec(sharpness)
    for i, arm in enumerate(sharpness.ARMS):
        assert float(charts.signal_texts(vega, ["eta"], rate=i)["eta"]) == arm["eta"]
        assert f"of 2/η = {2 / arm['eta']:.1f}" in charts.signal_texts(vega, ["says"], rate=i)["says"]
    reached = [sharpness.settled(a) for a in sharpness.ARMS if a["eta"] in (0.17, 0.2, 0.25, 0.3)]
    assert len(reached) == 4 and all(0.9 < r < 1.15 for r in reached)  # the region that the chapter registers for the plateau
    assert sharpness.settled(sharpness.ARMS[0]) < 0.9  # too small a rate does not get there within the run


@pytest.mark.parametrize(("w", "b", "depth"), [(1.3, 0.25, 16), (0.6, 0.05, 3), (3.0, 0.65, 50), (2.2, 0.35, 7)])
def test_signal_is_mean_field_theory(spec, w, b, depth):
    said = charts.signal_texts(spec(signal), ["chi", "correlation"], sigma_w=w, sigma_b=b, depth=depth)
    assert float(said["chi"]) == pytest.approx(mean_field.chi(w, b), abs=1e-3)
    c = signal.START
    for _ in range(depth):  # layer by layer at the fixed length, another way than the module's
        c = float(mean_field.correlation_map(c, w, b))
    assert float(said["correlation"]) == pytest.approx(c, abs=2e-3)
    assert (mean_field.critical_sigma_w(b) > w) == (float(said["chi"]) < 1)


@pytest.mark.parametrize(("verdict", "n"), [(0, 3), (0, 12), (1, 5), (1, 12), (2, 8), (2, 24)])
def test_lottery_counts_the_words_that_its_intervals_deserve(spec, verdict, n):
    vega = spec(lottery)
    rows = charts.rows(vega, charts.data_with(vega, "word"), ["lab", "mean", "low", "high", "word"], verdict=verdict, seeds=n)
    words, inside = lottery.published(verdict, n)
    assert [r["word"] for r in sorted(rows, key=lambda r: r["lab"])] == words
    lab = min(rows, key=lambda r: r["lab"])
    x = np.array(lottery.VERDICTS[verdict]["values"])[lottery.draws(verdict)[0, :n]]
    assert (lab["low"], lab["high"]) == pytest.approx(stats.t.interval(0.95, n - 1, x.mean(), stats.sem(x)), rel=1e-4)
    tally = [float(v) for v in charts.signal_texts(vega, ["tally"], verdict=verdict, seeds=n)["tally"].split(",")]
    assert tally == [*(words.count(w) for w in lottery.WORDS), inside.sum()]


@pytest.mark.parametrize("verdict", lottery.VERDICTS, ids=lambda v: v["id"])
def test_lottery_holds_a_verdict_of_the_book(verdict):
    assert evidence.all_words()[verdict["id"]] == verdict["word"]
    assert len(verdict["values"]) == verdict["seeds"]
    found, (low, high) = mean_interval(verdict["values"]), lottery.limits(verdict)
    word = (
        "held" if found.low >= low and found.high <= high else "failed" if found.high < low or found.low > high else "undecided"
    )
    assert word == verdict["word"]


@pytest.mark.parametrize(("period", "toll_", "place"), [(3, 1.0, 1), (3, 1.0, 9), (10, 1.1, 7), (30, 2.0, 4), (30, 1.0, 13)])
def test_toll_drift_is_the_theory_and_the_games_follow_it(spec, period, toll_, place):
    said = charts.signal_texts(spec(toll), ["adam", "amsgrad", "flip"], period=period, toll=toll_, beta=place)
    C, beta2 = toll_ * period, toll.BETAS[place]
    drift = online.periodic_drift(C, period, beta2)
    assert float(said["adam"]) == pytest.approx(drift, abs=1e-4)
    assert float(said["amsgrad"]) == pytest.approx(online.periodic_drift(C, period, beta2, amsgrad=True), abs=1e-4)
    assert (drift > 0) == (beta2 < float(said["flip"]))


def test_toll_games_end_on_the_side_to_which_they_drift():
    game = toll.play()
    checked = 0
    for i, P in enumerate(toll.PERIODS):
        for j, c in enumerate(toll.TOLLS):
            for k, beta2 in enumerate(toll.BETAS):
                drift = online.periodic_drift(c * P, P, beta2)
                if abs(drift) > 0.1 and 1 / (1 - beta2) < 200:  # decided well before the run's end, the start forgotten
                    assert np.sign(game[i, j, k, 0, toll.kept(P)[-1]]) == np.sign(drift), (P, c, beta2)
                    checked += 1
                assert game[i, j, k, 1, toll.kept(P)[-1]] < 0.05  # AMSGrad never walks the wrong way
    assert checked > 100


@pytest.mark.parametrize(("kernel", "log_d", "draw"), [("gaussian", 4, 1), ("laplacian", 7, 3), ("cauchy", 1, 6)])
def test_fourier_takes_the_mean_of_its_cosines(spec, kernel, log_d, draw):
    vega = spec(fourier)
    name = [
        d["name"]
        for d in vega["data"]
        if any(t["type"] == "aggregate" and "y" in t.get("as", []) for t in d.get("transform", []))
    ][-1]
    rows = charts.rows(vega, name, ["t", "y"], kernel=kernel, log_d=log_d, draw=draw)
    omega = fourier.frequencies(kernel)[draw - 1, : 2**log_d // 2]
    assert len(rows) == len(fourier.T)
    for row in rows[::7]:
        assert row["y"] == pytest.approx(np.cos(omega * row["t"]).mean(), abs=1e-6)
    worst = max(abs(r["y"] - kernels.Kernel(kernel)(np.array([r["t"]]))) for r in rows)
    assert float(charts.signal_texts(vega, ["error"], kernel=kernel, log_d=log_d, draw=draw)["error"]) == pytest.approx(
        worst, abs=1e-3
    )


def test_fourier_errors_fall_with_the_root_of_the_features():
    for kernel in fourier.KERNELS:
        D = 2.0 ** np.arange(1, fourier.MOST + 1)
        slope = np.polyfit(np.log(D), np.log(fourier.errors(kernel)).mean(0), 1)[0]
        assert -0.65 < slope < -0.3
