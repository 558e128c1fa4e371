"""Many training runs as one compiled scan: seeds by vmap, laid over whatever devices there are.

A run is two pure functions, `init(key) -> state` and `update(state, key) -> (state, measured)`. Runs may differ in
numbers too (learning rates, scales): then both take the run's own `setting` as a last argument, and all settings
share one compilation. The run axis is laid over all devices of all processes, so the same call uses one CPU,
eight GPUs, or several hosts started with `jax.distributed`.

`train` is one call; `trainer` compiles once for many; `over_seeds` does the same for a computation that is no training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Int, PyTree
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


@dataclass(frozen=True, eq=False)
class OverSeeds:
    """A compiled function of all seeds; made by `over_seeds`."""

    run: Callable[..., PyTree]
    sharding: NamedSharding

    def __call__(self, own: PyTree, *shared: PyTree) -> PyTree:
        """NumPy arrays with leading axis (seeds,), which every leaf of `own` has; `shared` is the same for all seeds.

        Raises TrainingError if the leaves of `own` disagree about the number of seeds.
        """
        seeds = _seeds_of(own)
        return jax.tree.map(lambda x: _host(x)[:seeds], self.run(_lay(own, self.sharding), *shared))

    def compile(self, own: PyTree, *shared: PyTree) -> None:
        """Compile for arguments like these before the first call: several functions at a time, in threads."""
        _seeds_of(own)
        self.run.lower(_lay(own, self.sharding), *shared).compile()


def over_seeds(
    function: Callable[..., PyTree], *, at_once: int | None = None, devices: list[jax.Device] | None = None
) -> OverSeeds:
    """A function of one seed as a compiled function of all seeds, which are laid over the devices.

    For whatever `train` does not fit: a run that needs no records, a measurement, a game.
    function: (own, *shared) -> pytree of arrays. own: what belongs to the seed (its key, its data), any pytree.
    at_once: so many seeds of a device are computed side by side, the others after them; all of them if None. A cache
        holds a few small networks and not a hundred.
    """
    sharding = seed_sharding(devices)

    @jax.jit
    def run(own: PyTree, *shared: PyTree) -> PyTree:
        return _each_device(function, sharding, at_once, len(shared))(own, *shared)

    return OverSeeds(run, sharding)


def _seeds_of(own: PyTree) -> int:
    counts = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(own)}
    if len(counts) != 1 or min(counts) in ((), (0,)):
        raise TrainingError(f"the seeds' own arguments have leading axes {sorted(counts)}; expected one axis (seeds,) for all.")
    return counts.pop()[0]


def train(
    init: Init,
    update: Update,
    keys: Key,
    *,
    steps: int,
    every: int | None = None,
    measure: Measure | None = None,
    settings: PyTree = None,
    at_once: int | None = None,
    devices: list[jax.Device] | None = None,
    label: str = "",
    progress: bool | None = None,
) -> History:
    """Train one run per key, all in one compiled scan, and record along the way.

    init: key -> state, any pytree of arrays.
    update: (state, key) -> (state, measured); `measured` (a pytree of arrays, or None) is kept at every step.
    keys: shape (seeds,), one per run.
    steps: number of updates. every: updates between records (default: a single record at the end).
    measure: state -> pytree, evaluated before training and after each `every` updates.
    settings: pytree of arrays with leading axis (seeds,), or None. If given, run i is `init(key, setting)` and
        `update(state, key, setting)` with entry i of every leaf.
    at_once: so many runs of a device advance side by side, the others after them; all of them if None.
    devices: where to run; results do not depend on it beyond float tolerance.
    progress: show a bar; by default whenever there are at least ten records and a label.

    Diverged seeds run on beside the others and are marked in `History.diverged`.
    Raises TrainingError if steps is not a positive multiple of every, keys is not a vector of keys, or a setting
    has not one entry a run.
    """
    run = trainer(init, update, every=steps if every is None else every, measure=measure, at_once=at_once, devices=devices)
    return run(keys, steps=steps, settings=settings, label=label, progress=progress)


def trainer(
    init: Init,
    update: Update,
    *,
    every: int,
    measure: Measure | None = None,
    at_once: int | None = None,
    devices: list[jax.Device] | None = None,
) -> Callable[..., History]:
    """`train` for many calls: (keys, *, steps, settings=None, label="", progress=None) -> History, compiled once.

    Calls may differ in their keys, settings and number of steps; another number of runs compiles anew.
    """
    measure = measure or (lambda state: None)
    sharding = seed_sharding(devices)

    def first(key: Key, own: tuple[PyTree, ...]) -> tuple[State, PyTree]:
        state = init(jax.random.fold_in(key, 0), *own)
        return state, measure(state)

    def chunk(state: State, key: Key, own: tuple[PyTree, ...], start: Array) -> tuple[State, PyTree, PyTree]:
        def step(state: State, i: Array) -> tuple[State, PyTree]:
            # Keyed by the step's number: a run does not depend on how it is cut into chunks.
            return update(state, jax.random.fold_in(key, i + 1), *own)

        state, trace = jax.lax.scan(step, state, start + jnp.arange(every))
        return state, measure(state), trace

    begin = jax.jit(_each_device(first, sharding, at_once, 0, arguments=2))
    advance = jax.jit(_each_device(chunk, sharding, at_once, 1, arguments=4), donate_argnums=0)

    def run(keys: Key, *, steps: int, settings: PyTree = None, label: str = "", progress: bool | None = None) -> History:
        _check(keys, steps, every, settings)
        seeds, count = keys.shape[0], steps // every
        # `own` holds a run's setting, or nothing: the same code with and without settings.
        keys, own = _lay((keys, () if settings is None else (settings,)), sharding)
        state, record = begin(keys, own)
        records, traces = [record], []
        quiet = not (progress if progress is not None else bool(label) and count >= 10)
        for i in tqdm(range(count), desc=label, disable=quiet or jax.process_index() > 0, leave=False):
            state, record, trace = advance(state, keys, own, np.int32(i * every))
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
            steps=np.arange(0, steps + 1, every),
            records=gathered,
            traces=traced,
            final=jax.tree.map(lambda x: x[:seeds], state) if jax.process_count() == 1 else state,
            diverged=_diverged(watched, seeds),
        )

    return run


def _check(keys: Key, steps: int, every: int, settings: PyTree) -> None:
    if steps < 1 or every < 1 or steps % every:
        raise TrainingError(f"steps is {steps} and every is {every}; expected steps to be a positive multiple of every.")
    if not (isinstance(keys, jax.Array) and jax.dtypes.issubdtype(keys.dtype, jax.dtypes.prng_key) and keys.ndim == 1):
        raise TrainingError(
            f"keys has shape {getattr(keys, 'shape', None)}; expected typed keys of shape (seeds,), "
            "such as chapter.keys('name', seeds)."
        )
    if keys.shape[0] == 0:
        raise TrainingError("keys is empty; expected at least one key, one run each.")
    for leaf in jax.tree.leaves(settings):
        if np.shape(leaf)[:1] != keys.shape:
            raise TrainingError(
                f"a setting has shape {np.shape(leaf)} and there are {keys.shape[0]} keys; expected one entry a run, "
                f"({keys.shape[0]}, ...)."
            )


def _each_device(
    function: Callable[..., PyTree], sharding: NamedSharding, at_once: int | None, shared: int, *, arguments: int | None = None
) -> Callable[..., PyTree]:
    """`function` over the leading axis of its arguments, all but the last `shared`: each device works on its own part.

    A part is mapped on its device, and not by the compiler over all of them, so that `at_once` cuts no part across two.
    """
    arguments = 1 + shared if arguments is None else arguments

    def part(*given: PyTree) -> PyTree:
        runs, same = given[: arguments - shared], given[arguments - shared :]
        count = jax.tree.leaves(runs)[0].shape[0]
        if at_once is None or at_once >= count:
            return jax.vmap(lambda run: function(*run, *same))(runs)
        return jax.lax.map(lambda run: function(*run, *same), runs, batch_size=at_once)

    own, all_alike = sharding.spec, PartitionSpec()
    return jax.shard_map(
        part, mesh=sharding.mesh, in_specs=(own,) * (arguments - shared) + (all_alike,) * shared, out_specs=own, check_vma=False
    )


def _lay(tree: PyTree, sharding: NamedSharding) -> PyTree:
    """Arrays and keys on the mesh, their leading axes padded with repeats to a multiple of the devices."""
    parts = sharding.mesh.devices.size

    def lay(leaf: Any) -> Array:
        if isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(lay(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf))
        data = np.asarray(leaf)
        data = data[np.arange(-(-len(data) // parts) * parts) % len(data)]
        return jax.make_array_from_callback(data.shape, sharding, lambda index: data[index])

    return jax.tree.map(lay, tree)


def _host(x: Array) -> np.ndarray:
    """An array of all processes' seeds on the host."""
    return np.asarray(multihost_utils.process_allgather(x, tiled=True) if jax.process_count() > 1 else x)


def _gather(chunks: list[PyTree], seeds: int, *, stack: bool) -> PyTree:
    """Arrays of all processes' seeds on the host: (seeds, times, ...), chunks stacked or joined along time."""

    def join(*leaves: Array) -> np.ndarray:
        arrays = [_host(x)[:seeds] for x in leaves]
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
