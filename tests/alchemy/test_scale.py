"""The three scales: how a run picks one, and what is said when it cannot."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import xml.etree.ElementTree as ET

import pytest
from alchemy import scale
from alchemy.scale import ScaleError, choose

OPTIONS = dict(smoke=dict(seeds=2, steps=20), laptop=dict(seeds=12, steps=2000), gpu=dict(seeds=100, steps=20000))


@pytest.mark.parametrize(("value", "name"), [(None, "laptop"), ("", "laptop"), (" gpu ", "gpu"), ("smoke", "smoke")])
def test_the_environment_picks_the_scale(monkeypatch, value, name):
    monkeypatch.delenv("ALCHEMY_SCALE", raising=False)
    if value is not None:
        monkeypatch.setenv("ALCHEMY_SCALE", value)
    assert scale.current() == name
    assert choose(**OPTIONS).seeds == OPTIONS[name]["seeds"]


@pytest.mark.parametrize("value", ["GPU", "tiny", "laptop,gpu"])
def test_an_unknown_scale_names_the_three(monkeypatch, value):
    monkeypatch.setenv("ALCHEMY_SCALE", value)
    for call in (scale.current, lambda: choose(**OPTIONS)):
        with pytest.raises(ScaleError) as caught:
            call()
        for part in (repr(value), "smoke, laptop, gpu", "unset"):
            assert part in str(caught.value)


@pytest.mark.parametrize(("value", "seed"), [(None, 0), ("", 0), ("7", 7), (str(2**31 - 1), 2**31 - 1)])
def test_the_environment_picks_the_seed(monkeypatch, value, seed):
    monkeypatch.delenv("ALCHEMY_SEED", raising=False)
    if value is not None:
        monkeypatch.setenv("ALCHEMY_SEED", value)
    assert scale.seed() == seed


@pytest.mark.parametrize("value", ["-1", "1.5", "seven", str(2**31), "1e3"])
def test_a_wrong_seed_is_named(monkeypatch, value):
    monkeypatch.setenv("ALCHEMY_SEED", value)
    with pytest.raises(ScaleError) as caught:
        scale.seed()
    for part in (repr(value), "2147483647", "ALCHEMY_SEED=7"):
        assert part in str(caught.value)


def test_a_configuration_is_frozen_and_names_what_it_lacks():
    cfg = choose(**OPTIONS, scale="gpu")
    assert (cfg.scale, cfg.seeds, cfg.steps, cfg.as_dict()) == ("gpu", 100, 20000, OPTIONS["gpu"])
    with pytest.raises(dataclasses.FrozenInstanceError):
        cfg.steps = 3
    with pytest.raises(AttributeError, match=r"no 'step'; it has seeds, steps.*choose"):
        _ = cfg.step
    cfg.as_dict()["steps"] = 0
    assert cfg.steps == 20000 and not hasattr(cfg, "_ipython_display_")


def test_a_configuration_does_not_follow_later_changes_of_its_source():
    source = dict(seeds=2, steps=20)
    cfg = choose(smoke=source, laptop=OPTIONS["laptop"], gpu=OPTIONS["gpu"], scale="smoke")
    source["steps"] = 1
    assert cfg.steps == 20


def test_a_configuration_can_be_copied_and_sent():
    cfg = choose(**OPTIONS, scale="smoke")
    assert copy.deepcopy(cfg).steps == pickle.loads(pickle.dumps(cfg)).steps == 20


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (dict(smoke=dict(seeds=2)), ["'smoke'", "steps", "choose(smoke=...)"]),
        (dict(gpu=dict(seeds=2, steps=1, width=3)), ["'smoke'", "width"]),
        (dict(scale="huge"), ["'huge'", "smoke, laptop, gpu"]),
        ({name: dict(scale=2) for name in scale.SCALES}, ["'scale'", "rename"]),
    ],
)
def test_wrong_options_are_named(change, parts):
    with pytest.raises(ScaleError) as caught:
        choose(**(OPTIONS | change))
    for part in parts:
        assert part in str(caught.value)


def test_the_table_shows_the_three_scales_and_which_one_runs():
    options = {name: values | {"net": "<mlp>"} for name, values in OPTIONS.items()}
    cfg = choose(**options, scale="laptop")
    tree = ET.fromstring(cfg._repr_html_())
    rows = [[c for c in row] for row in tree.iter("tr")]
    assert [c.text for c in rows[0]] == ["setting", "smoke", "laptop (this run)", "gpu"]
    texts = ["".join(c.itertext()) for c in rows[2]]
    assert texts == ["steps", "20", "2000", "20000"]
    assert [c.find("strong") is not None for c in rows[2]] == [False, False, True, False]
    assert ["".join(c.itertext()) for c in rows[3]][1:] == ["<mlp>"] * 3
    lines = str(cfg).splitlines()
    assert "laptop*" in lines[0] and lines[2].split() == ["steps", "20", "2000", "20000"]
    assert repr(cfg) == str(cfg)
