"""What JAX runs on here, and how it is set where that is a CPU."""

from __future__ import annotations

import os
from importlib import metadata

ACCELERATORS = ("jax-cuda12-plugin", "jax-cuda13-plugin", "jax-rocm60-plugin", "jax-rocm7-plugin", "libtpu", "jax-metal")
# Pages compile many programs and run each for a short while: at level 1 of 3 they compile a third faster and run as fast.
CPU_FLAGS = "--xla_backend_optimization_level=1"


def cpu_only() -> bool:
    """Whether JAX can only use the CPU: told so, or because no accelerator's plugin is installed."""
    return os.environ.get("JAX_PLATFORMS") == "cpu" or not any(map(_installed, ACCELERATORS))


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def settle() -> None:
    """Set JAX up for a page, before its first computation; a reader's own XLA_FLAGS stay in force."""
    import jax

    # A computation runs in the thread that asks for it. Handed to JAX's own threads, one in many thousands was seen never to
    # end on two busy cores: every thread waited for work, and the page for a result.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    if not cpu_only():
        return
    own = os.environ.get("XLA_FLAGS")
    # XLA reads the variable once, when its first client is made; afterwards it is as the reader had it.
    os.environ["XLA_FLAGS"] = " ".join(filter(None, (CPU_FLAGS, own)))
    try:
        jax.devices()
    finally:
        if own is None:
            del os.environ["XLA_FLAGS"]
        else:
            os.environ["XLA_FLAGS"] = own
