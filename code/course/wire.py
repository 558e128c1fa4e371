"""Values over the sandbox's wall: JSON with numbers and arrays of numbers, read under limits, never unpickled.

This file is on both sides: the runner encodes what a student's function returned, the grader decodes it.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import numpy as np

DEPTH = 12
LEAVES = 200_000  # entries of lists and dicts together
BYTES = 32 * 2**20  # of all arrays together
TEXT = 100_000  # characters of one string
PARTS = 1_500_000  # brackets and commas of a JSON text: each may become an object of 200 bytes and more
DTYPE = re.compile(r"[<>|][biufc](1|2|4|8|16)\Z")


class WireError(ValueError):
    """A value is of a kind or a size that does not cross."""


class _Budget:
    def __init__(self) -> None:
        self.leaves, self.bytes = LEAVES, BYTES

    def spend(self, leaves: int = 1, data: int = 0) -> None:
        self.leaves -= leaves
        self.bytes -= data
        if self.leaves < 0 or self.bytes < 0:
            raise WireError(f"the answer is too large; expected at most {LEAVES} entries and {BYTES >> 20} MiB of numbers.")


def crowded(data: bytes) -> bool:
    """Whether a JSON text would grow too large when it is read: a short one can stand for gigabytes of small objects."""
    return sum(map(data.count, (b"{", b"[", b","))) > PARTS


def encode(value: Any) -> Any:
    """`value` as JSON. Raises WireError for what is not made of numbers, strings, lists, dicts and arrays."""
    return _encode(value, _Budget(), 0)


def _encode(value: Any, budget: _Budget, depth: int) -> Any:
    budget.spend()
    if depth > DEPTH:
        raise WireError(f"the answer is nested more than {DEPTH} deep.")
    if value is None or type(value) in (bool, float):
        return value
    if type(value) is int:
        return value if value.bit_length() <= 1024 else float("inf")
    if type(value) is str:
        if len(value) > TEXT:
            raise WireError(f"the answer holds a text of {len(value)} characters; expected at most {TEXT}.")
        return value
    if isinstance(value, dict):
        return {"items": [[_encode(k, budget, depth + 1), _encode(v, budget, depth + 1)] for k, v in value.items()]}
    if isinstance(value, list | tuple):
        return [_encode(each, budget, depth + 1) for each in value]
    if hasattr(value, "__array__") and hasattr(value, "dtype"):
        return _encode_array(value, budget)
    raise WireError(f"the answer is or holds a {type(value).__name__}; expected numbers, arrays, text, lists or dicts.")


def _encode_array(value: Any, budget: _Budget) -> dict[str, Any]:
    array = np.asarray(value)
    if array.dtype.name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        array = array.astype(np.float32)
    if array.dtype.kind == "U":
        return _encode(array.tolist(), budget, 0)
    if not DTYPE.match(array.dtype.str):
        raise WireError(f"the answer holds an array of {array.dtype}; expected numbers.")
    budget.spend(data=array.nbytes)
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"array": [array.dtype.str, list(array.shape), data]}


def decode(message: Any) -> Any:
    """What `encode` was given. Raises WireError for anything that it cannot have made."""
    return _decode(message, _Budget(), 0)


def _decode(message: Any, budget: _Budget, depth: int) -> Any:
    budget.spend()
    if depth > DEPTH + 2:
        raise WireError("nested too deep.")
    if message is None or isinstance(message, bool | int | float | str):
        return message
    if isinstance(message, list):
        return [_decode(each, budget, depth + 1) for each in message]
    if isinstance(message, dict) and set(message) == {"array"}:
        return _decode_array(message["array"], budget)
    if isinstance(message, dict) and set(message) == {"items"}:
        pairs = [(_decode(k, budget, depth + 1), _decode(v, budget, depth + 1)) for k, v in _pairs(message["items"])]
        return {k if isinstance(k, str | int | float | bool) else repr(k): v for k, v in pairs}
    raise WireError("not a value.")


def _pairs(items: Any) -> list[list[Any]]:
    if not isinstance(items, list) or not all(isinstance(p, list) and len(p) == 2 for p in items):
        raise WireError("not a dict.")
    return items


def _decode_array(parts: Any, budget: _Budget) -> np.ndarray:
    try:
        dtype, shape, data = parts
        raw = base64.b64decode(data, validate=True)
        sizes = tuple(int(n) for n in shape)
        if not DTYPE.match(dtype) or len(sizes) > 32 or any(n < 0 for n in sizes):
            raise WireError("not an array of numbers.")
        budget.spend(data=len(raw))
        count = 1
        for n in sizes:  # Python integers: no overflow, no allocation
            count *= n
        if count * np.dtype(dtype).itemsize != len(raw):
            raise WireError("the array's shape and its data disagree.")
        return np.frombuffer(raw, dtype).reshape(sizes)
    except (ValueError, TypeError, OverflowError, binascii.Error) as error:  # such as a size of infinity, a type <f1
        raise error if isinstance(error, WireError) else WireError("not an array.") from error


def cleaned(reply: Any) -> dict[str, Any]:
    """A reply from inside with every field of the kind that it should be; whoever took the runner over may send anything.

    Raises ValueError where it is no reply at all.
    """
    if not isinstance(reply, dict):
        raise ValueError("not a reply")
    made: dict[str, Any] = {"printed": text(reply.get("printed")), "seconds": _seconds(reply.get("seconds"))}
    if "value" in reply:
        made["value"] = reply["value"]  # for `decode`, which trusts nothing
    if reply.get("error") is not None:
        error = reply["error"] if isinstance(reply["error"], dict) else {}
        where = error.get("where")
        made["error"] = {
            "type": text(error.get("type"), 100),
            "text": text(error.get("text"), 2000),
            "where": [text(each, 300) for each in where[:6]] if isinstance(where, list) else [],
        }
    return made


def text(value: Any, most: int = TEXT) -> str:
    """A string that can be written to a file: no halves of surrogate pairs."""
    return value[:most].encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _seconds(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e6 else None
