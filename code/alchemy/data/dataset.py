"""What every loader returns (`Dataset`) and what every failure raises (`DataError`)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Array, Float, Float32, Int, Int32

Seed = object  # an integer, a numpy.random.Generator, or a JAX PRNG key: see `generator`
Count = int | np.integer


class DataError(RuntimeError):
    """A dataset is unknown, absent, damaged or asked for something it does not hold.

    The message names the dataset and the value at fault, what was expected, and the next step.
    """


def generator(seed: Seed) -> np.random.Generator:
    """A NumPy generator from an integer >= 0, a NumPy generator (returned as it is) or one JAX PRNG key.

    Raises DataError for anything else, also for a batch of keys.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool) and seed >= 0:
        return np.random.default_rng(int(seed))
    words = _key_words(seed)
    if words is None:
        raise DataError(
            f"seed={seed!r} ({type(seed).__name__}) cannot start a random stream; expected an integer >= 0, "
            "a numpy.random.Generator or one JAX key. Pass for example seed=0 or chapter.key('data')."
        )
    return np.random.default_rng(words)


def _key_words(seed: Seed) -> list[int] | None:
    """The 32-bit words of one JAX key, typed (`jax.random.key`) or raw (`PRNGKey`); None if it is no key."""
    try:
        import jax

        typed = jax.dtypes.issubdtype(seed.dtype, jax.dtypes.prng_key)
        words = np.asarray(jax.random.key_data(seed) if typed else seed)
    except (ImportError, AttributeError, TypeError):
        return None
    return words.tolist() if words.dtype == np.uint32 and words.ndim == 1 and words.size else None


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A dataset with its fixed split. Arrays are NumPy and read-only (`jnp.asarray` takes them as they are).

    name        what `load` was asked for
    x_train     float32, shape (train, *shape): images in [0, 1] unless standardized; MNIST-1D has
                mean 0 and standard deviation 1 over the whole set
    y_train     int32 class indices in 0 .. len(classes) - 1, shape (train,)
    x_test, y_test   the same for the test set
    classes     the name of each class index
    licence     under which terms the data stand, and who says so
    source      where the data come from
    """

    name: str
    x_train: Float32[np.ndarray, " train *shape"]
    y_train: Int32[np.ndarray, " train"]
    x_test: Float32[np.ndarray, " test *shape"]
    y_test: Int32[np.ndarray, " test"]
    classes: tuple[str, ...]
    licence: str
    source: str

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            if len(x) != len(y):
                raise DataError(
                    f"{self.name}: {len(x)} {part} inputs but {len(y)} labels; expected one label an input. "
                    "Build the dataset again from its source."
                )
            x.flags.writeable = y.flags.writeable = False

    def __repr__(self) -> str:
        return (
            f"Dataset({self.name}: {len(self.x_train):,} train, {len(self.x_test):,} test, "
            f"inputs {self.x_train.shape[1:]} float32, {len(self.classes)} classes)"
        )

    def subset(self, n: Count, *, seed: Seed, test: Count | None = None) -> Dataset:
        """`n` training examples drawn without replacement, each class in its share of the training set.

        Shares that are no whole numbers are rounded so that they add up to `n` (largest remainders first), so
        class counts differ from the exact share by less than one. The order is shuffled.
        seed    an integer, a NumPy generator or a JAX key; equal seeds give equal subsets
        test    how many test examples to keep, drawn in the same way (default: all of them)
        Raises DataError if more examples are asked for than there are, or fewer than one.
        """
        random = generator(seed)
        train = stratified(self.y_train, n, random, what=f"{self.name}: subset(n={n!r})")
        kept = replace(self, x_train=self.x_train[train], y_train=self.y_train[train])
        if test is None:
            return kept
        chosen = stratified(self.y_test, test, random, what=f"{self.name}: subset(test={test!r})")
        return replace(kept, x_test=self.x_test[chosen], y_test=self.y_test[chosen])


def shrink(
    images: Float[np.ndarray | Array, "n side side"], crop: Count, pool: Count
) -> Float[np.ndarray | Array, "n small small"]:
    """The middle crop x crop pixels of square images, averaged over pool x pool blocks: small = crop / pool.

    images: NumPy or JAX, shape (n, side, side); the result is of the same kind. Raises DataError unless the crop leaves
    as much at either side as at the other, and holds whole blocks.
    """
    n, side = images.shape[:2]
    if not (0 < pool <= crop <= side and (side - crop) % 2 == 0 and crop % pool == 0):
        raise DataError(
            f"shrink: images of {side} x {side} pixels, crop={crop}, pool={pool}; expected a crop of at most {side} that "
            "differs from it by an even number and is a multiple of the pool, such as crop=20, pool=2."
        )
    margin, small = (side - crop) // 2, crop // pool
    middle = images[:, margin : side - margin, margin : side - margin]
    return middle.reshape(n, small, pool, small, pool).mean((2, 4))


def stratified(
    labels: Int[np.ndarray, " n_all"], n: Count, random: np.random.Generator, *, what: str = "subset"
) -> Int[np.ndarray, " n"]:
    """Indices of `n` of the examples, drawn without replacement in proportion to the classes, shuffled.

    Raises DataError, which begins with `what`, unless 1 <= n <= len(labels).
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= len(labels):
        raise DataError(
            f"{what}: expected an integer from 1 to {len(labels)}, which is all there is. "
            "Ask for fewer, or load a larger dataset."
        )
    classes, sizes = np.unique(labels, return_counts=True)
    exact = n * sizes / len(labels)
    counts = np.floor(exact).astype(int)
    # ties between equal remainders are broken at random, or the last classes would always go short
    order = np.lexsort((random.random(len(classes)), -(exact - counts)))
    counts[order[: n - counts.sum()]] += 1
    chosen = [
        random.choice(np.flatnonzero(labels == label), count, replace=False) for label, count in zip(classes, counts, strict=True)
    ]
    return random.permutation(np.concatenate(chosen))
