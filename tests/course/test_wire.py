"""Values over the wall, and forged ones."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from course import scoring, wire


@pytest.mark.parametrize("value", [None, True, 3, 2.5, "a", [1, [2.0, "b"]], {"a": 1, "b": [1, 2]}, math.inf])
def test_plain_values_cross_the_wall(value: object) -> None:
    assert wire.decode(json.loads(json.dumps(wire.encode(value)))) == value


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.float32([1, 2]), np.array(3), np.zeros((0, 2)), np.array([True])]
)
def test_arrays_keep_type_and_shape(array: np.ndarray) -> None:
    back = wire.decode(json.loads(json.dumps(wire.encode(array))))
    assert back.dtype == array.dtype and back.shape == array.shape
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("value", [object(), lambda: 0, np.array([object()]), np.zeros(10**7), [0] * 300_000, "x" * 200_000])
def test_what_is_no_answer_stays_inside(value: object) -> None:
    with pytest.raises(wire.WireError):
        wire.encode(value)


@pytest.mark.parametrize(
    "message",
    [
        {"array": ["<f8", [10**12], ""]},
        {"array": ["|O8", [1], "AAAAAAAAAAA="]},
        {"array": ["<f8", [-1], ""]},
        {"array": ["<f8", [math.inf], ""]},
        {"array": ["<f1", [0], ""]},
        {"array": ["<f8", [0, 10**40], ""]},
        {"array": [3, [0], ""]},
        {"array": ["<f8", [[0]], ""]},
        {"array": ["<f8", [1], "not base64!"]},
        {"items": [[1]]},
        {"pickle": "gASV"},
        {"array": "x"},
        {"array": ["<f8", None, ""]},
    ],
)
def test_forged_messages_are_refused(message: object) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(message)


@pytest.mark.parametrize(
    "reply",
    [
        {"error": "none"},
        {"error": 3},
        {"error": {"where": 3, "type": {}, "text": [1]}},
        {"error": {"where": ["x", 3, "\ud800"]}},
        {"printed": {"a": 1}, "seconds": "never"},
        {"seconds": -1},
        {"seconds": math.nan},
        {"seconds": 10**400},
        {"printed": "\ud800"},
    ],
)
def test_a_forged_reply_is_made_harmless(reply: dict) -> None:
    made = wire.cleaned(reply)
    assert isinstance(made["printed"], str) and (made["seconds"] is None or made["seconds"] >= 0)
    json.dumps(made).encode()
    made["printed"].encode("utf-8")
    if "error" in reply:
        assert all(isinstance(made["error"][k], str) for k in ("type", "text"))
        scoring.complaint(made["error"])
    for each in ([], None, 3, "x"):
        with pytest.raises(ValueError, match="not a reply"):
            wire.cleaned(each)
