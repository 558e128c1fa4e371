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

    keys = jax.random.split(jax.random.key(1), 5)
    third = jax.random.fold_in(keys[2], 0)
    history = training.train(
        init,
        training.gradient_update(loss, optimizer, x, y, batch=8),
        keys,
        steps=20,
        every=5,
        measure=lambda state: {"loss": loss(state[0], x, y), "w": state[0]},
    )
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
        spread=len(history.final[0].sharding.device_set),
    )


if __name__ == "__main__":
    main()
