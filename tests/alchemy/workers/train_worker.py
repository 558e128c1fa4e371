"""Train five seeds of a small problem on the devices this process was started with, and save what came out.

python train_worker.py OUT [ADDRESS COUNT ID]      the last three start jax.distributed
"""

from __future__ import annotations

import sys

import jax


def main() -> None:
    out, *cluster = sys.argv[1:]
    if cluster:
        address, count, index = cluster
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(address, int(count), int(index), initialization_timeout=60)

    import jax.numpy as jnp
    import numpy as np
    import optax
    from alchemy import training

    x = jax.random.normal(jax.random.key(0), (32, 4))
    y = jnp.tanh(x @ jnp.arange(4.0))
    optimizer = optax.adam(0.05)

    def init(key):
        w = jax.random.normal(key, (4,))
        # The third of the five keys' runs starts from a number that is not one.
        w = jnp.where(key == third, jnp.nan, w)
        return w, optimizer.init(w)

    def loss(w, x, y):
        return jnp.mean((jnp.tanh(x @ w) - y) ** 2)

    def update(state, key):
        rows = jax.random.randint(key, (8,), 0, len(x))
        value, gradient = jax.value_and_grad(loss)(state[0], x[rows], y[rows])
        updates, memory = optimizer.update(gradient, state[1], state[0])
        return (optax.apply_updates(state[0], updates), memory), value

    keys = jax.random.split(jax.random.key(1), 5)
    third = jax.random.fold_in(keys[2], 0)
    history = training.train(
        init,
        update,
        keys,
        steps=20,
        every=5,
        measure=lambda state: {"loss": loss(state[0], x, y), "w": state[0]},
    )
    walk = training.over_seeds(lambda key, steps: jnp.sum(jax.random.normal(key, (steps.size,))), at_once=1)
    np.savez(
        out,
        devices=jax.device_count(),
        local=jax.local_device_count(),
        processes=jax.process_count(),
        steps=history.steps,
        loss=history.records["loss"],
        w=history.records["w"],
        trace=history.traces,
        diverged=history.diverged,
        walk=walk(keys, np.zeros(7)),
        spread=len(history.final[0].sharding.device_set),
    )


if __name__ == "__main__":
    main()
