"""Many training runs as one compiled scan: seeds by vmap, laid over whatever devices there are.

A run is two pure functions, `init(key) -> state` and `update(state, key) -> (state, measured)`. Runs may differ in
numbers too (learning rates, scales): then both take the run's own `setting` as a last argument, and all settings
share one compilation. The run axis is sharded over all devices of all processes, so the same call uses one CPU,
eight GPUs, or several hosts started with `jax.distributed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Int, PyTree
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

Key = Array
State = Any
Init = Callable[..., State]
Update = Callable[..., tuple[State, PyTree]]
Measure = Callable[[State], PyTree]


class TrainingError(ValueError):
    """A run's arguments do not fit together."""


@dataclass(frozen=True)
class History:
    """What a training run recorded.

    steps: shape (times,), the number of updates made when each record was taken (0 = before training).
    records: pytree of NumPy arrays, leading axes (seeds, times); `measure(state)` at those steps.
    traces: pytree, leading axes (seeds, times - 1, every) flattened to (seeds, steps): what `update` measured
        at every step; None where `update` returns None.
    final: pytree, leading axis (seeds,): the last states, still on the devices.
    diverged: shape (seeds,), True where any recorded or traced number of that seed is not finite; where nothing
        of that kind was recorded, the final state decides.
    """

    steps: Int[np.ndarray, " times"]
    records: PyTree
    traces: PyTree
    final: PyTree
    diverged: Bool[np.ndarray, " seeds"]


def seed_sharding(devices: list[jax.Device] | None = None) -> NamedSharding:
    """The sharding that lays a leading seed axis over `devices` (default: all devices of all processes)."""
    return NamedSharding(Mesh(np.array(devices or jax.devices()), ("seed",)), PartitionSpec("seed"))


def train(
    init: Init, update: Update, keys: Key, *, steps: int, every: int | None = None,
    measure: Measure | None = None, settings: PyTree = None, devices: list[jax.Device] | None = None, label: str = "",
    progress: bool | None = None,
) -> History:
    """Train one run per key, all in one compiled scan, and record along the way.

    init: key -> state, any pytree of arrays.
    update: (state, key) -> (state, measured); `measured` (a pytree of scalars, or None) is kept at every step.
    keys: shape (seeds,), one per run.
    steps: number of updates. every: updates between records (default: a single record at the end).
    measure: state -> pytree, evaluated before training and after each `every` updates.
    settings: pytree of arrays with leading axis (seeds,), or None. If given, run i is `init(key, setting)` and
        `update(state, key, setting)` with entry i of every leaf.
    devices: where to run; results do not depend on it beyond float tolerance.
    progress: show a bar; by default whenever there are at least ten records and a label.

    Diverged seeds run on beside the others and are marked in `History.diverged`.
    Raises TrainingError if steps is not a positive multiple of every, keys is not a vector of keys, or a setting
    has not one entry a run.
    """
    every = steps if every is None else every
    if steps < 1 or every < 1 or steps % every:
        raise TrainingError(f"steps is {steps} and every is {every}; expected steps to be a positive multiple of every.")
    if not (isinstance(keys, jax.Array) and jax.dtypes.issubdtype(keys.dtype, jax.dtypes.prng_key) and keys.ndim == 1):
        raise TrainingError(
            f"keys has shape {getattr(keys, 'shape', None)}; expected typed keys of shape (seeds,), "
            "such as chapter.keys('name', seeds)."
        )
    if keys.shape[0] == 0:
        raise TrainingError("keys is empty; expected at least one key, one run each.")
    measure = measure or (lambda state: None)
    sharding = seed_sharding(devices)
    seeds = keys.shape[0]
    for leaf in jax.tree.leaves(settings):
        if np.shape(leaf)[:1] != (seeds,):
            raise TrainingError(
                f"a setting has shape {np.shape(leaf)} and there are {seeds} keys; expected one entry a run, ({seeds}, ...)."
            )
    # `own` holds a run's setting, or nothing: the same code with and without settings.
    own = () if settings is None else (jax.tree.map(lambda leaf: _lay(np.asarray(leaf), sharding), settings),)
    keys = _spread(keys, sharding)

    def first(key: Key, *own: PyTree) -> tuple[State, PyTree]:
        state = init(jax.random.fold_in(key, 0), *own)
        return state, measure(state)

    def chunk(state: State, start: Array, key: Key, *own: PyTree) -> tuple[State, PyTree, PyTree]:
        def step(state: State, i: Array) -> tuple[State, PyTree]:
            # Keyed by the step's number: a run does not depend on how it is cut into chunks.
            return update(state, jax.random.fold_in(key, i + 1), *own)

        state, trace = jax.lax.scan(step, state, start + jnp.arange(every))
        return state, measure(state), trace

    over_seeds = {"in_shardings": sharding, "out_shardings": sharding}
    state, record = jax.jit(jax.vmap(first), **over_seeds)(keys, *own)
    replicated = NamedSharding(sharding.mesh, PartitionSpec())
    advance = jax.jit(
        jax.vmap(chunk, in_axes=(0, None, 0) + (0,) * len(own)), out_shardings=sharding, donate_argnums=0,
        in_shardings=(sharding, replicated, sharding) + (sharding,) * len(own),
    )
    records, traces = [record], []
    count = steps // every
    quiet = not (progress if progress is not None else bool(label) and count >= 10)
    for i in tqdm(range(count), desc=label, disable=quiet or jax.process_index() > 0, leave=False):
        state, record, trace = advance(state, np.int32(i * every), keys, *own)
        records.append(record)
        traces.append(trace)
        if not quiet:
            # Steps are only queued when `advance` returns; a bar that runs ahead of them tells nothing.
            jax.block_until_ready(state)
    gathered = _gather(records, seeds, stack=True)
    traced = _gather(traces, seeds, stack=False)
    watched = (gathered, traced)
    if not any(_is_float(x) for x in jax.tree.leaves(watched)):
        watched = _gather([[x for x in jax.tree.leaves(state) if _is_float(x)]], seeds, stack=True)
    return History(
        steps=np.arange(0, steps + 1, every), records=gathered, traces=traced,
        final=jax.tree.map(lambda x: x[:seeds], state) if jax.process_count() == 1 else state,
        diverged=_diverged(watched, seeds),
    )


def _spread(keys: Key, sharding: NamedSharding) -> Key:
    """The keys on the mesh; the result drops what was padded."""
    return jax.random.wrap_key_data(_lay(np.asarray(jax.random.key_data(keys)), sharding), impl=jax.random.key_impl(keys))


def _lay(data: np.ndarray, sharding: NamedSharding) -> Array:
    """A host array on the mesh, its leading axis padded with repeats to a multiple of the devices."""
    parts = sharding.mesh.devices.size
    data = data[np.arange(-(-len(data) // parts) * parts) % len(data)]
    return jax.make_array_from_callback(data.shape, sharding, lambda index: data[index])


def _gather(chunks: list[PyTree], seeds: int, *, stack: bool) -> PyTree:
    """Arrays of all processes' seeds on the host: (seeds, times, ...), chunks stacked or joined along time."""
    def local(x: Array) -> np.ndarray:
        x = multihost_utils.process_allgather(x, tiled=True) if jax.process_count() > 1 else x
        return np.asarray(x)[:seeds]

    def join(*leaves: Array) -> np.ndarray:
        arrays = [local(x) for x in leaves]
        return np.stack(arrays, axis=1) if stack else np.concatenate(arrays, axis=1)

    return jax.tree.map(join, *chunks)


def _is_float(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jnp.inexact)  # NumPy's own test does not know bfloat16


def _diverged(recorded: PyTree, seeds: int) -> Bool[np.ndarray, " seeds"]:
    mask = np.zeros(seeds, bool)
    for leaf in jax.tree.leaves(recorded):
        if _is_float(leaf):
            mask |= ~np.isfinite(leaf).reshape(seeds, -1).all(axis=1)
    return mask


def draw(key: Key, examples: int, batch: int) -> Int[Array, " batch"]:
    """`batch` different rows out of `examples`, every subset equally likely.

    The places of the largest of as many uniform numbers: `jax.random.choice` sorts them all, which under vmap
    on a CPU costs more than the training step itself.
    """
    return jax.lax.top_k(jax.random.uniform(key, (examples,), jnp.float32), batch)[1]


Optimizer = optax.GradientTransformation | optax.GradientTransformationExtraArgs


def gradient_update(loss: Callable[..., Array], optimizer: Optimizer | Callable[[PyTree], Optimizer], *data: ArrayLike,
                    batch: int | None = None) -> Update:
    """The usual `update`: one optimizer step on `loss(params, *data)`, whose state is (params, optimizer state).

    optimizer: Optax's, or a function setting -> optimizer for runs with `settings`; then
        `init = lambda key, setting: (params, optimizer(setting).init(params))`.

    data: arrays with a common leading axis of examples. batch: examples per step, drawn without replacement
    within the step; all of them (full-batch gradient descent) if None. The measured value is the loss before the step.
    """
    data = tuple(jnp.asarray(x) for x in data)
    if batch is not None:
        sizes = {len(x) for x in data}
        if len(sizes) != 1:
            raise TrainingError(
                f"data has {sorted(sizes)} examples; batches need arrays with the same leading axis, at least one."
            )
        if not 1 <= batch <= len(data[0]):
            raise TrainingError(f"batch is {batch}; expected 1 to {len(data[0])}, the number of examples, or None.")

    def update(state: State, key: Key, *own: PyTree) -> tuple[State, Array]:
        rule = optimizer if isinstance(optimizer, optax.GradientTransformation) else optimizer(*own)
        params, opt_state = state
        rows = data
        if batch is not None:
            index = draw(key, len(data[0]), batch)
            rows = tuple(x[index] for x in data)
        value, grads = jax.value_and_grad(loss)(params, *rows)
        updates, opt_state = rule.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), value

    return update
