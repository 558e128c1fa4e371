"""How a chapter picks its configuration out of three scales; what scale and seed a run has is read in `alchemy.words`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from alchemy.words import SCALES, ScaleError
from alchemy.words import scale as current
from alchemy.words import seed as seed


@dataclass(frozen=True)
class Config:
    """The values of one scale, read as attributes: `cfg.steps`. Shows all three scales side by side."""

    scale: str
    options: Mapping[str, Mapping[str, Any]] = field(repr=False)

    def __getattr__(self, name: str) -> Any:
        # Only called when normal lookup fails, so `scale` and `options` never come here.
        if name.startswith("__"):
            raise AttributeError(name)
        values = self.options[self.scale]
        if name not in values:
            raise AttributeError(
                f"this chapter's configuration has no {name!r}; it has {', '.join(sorted(values))}. "
                "Add it to every scale in the chapter's choose(...) cell."
            )
        return values[name]

    def as_dict(self) -> dict[str, Any]:
        """The current scale's values as a plain dictionary."""
        return dict(self.options[self.scale])

    def _rows(self) -> list[tuple[str, ...]]:
        names = list(self.options[SCALES[-1]])
        return [(name, *(str(self.options[s][name]) for s in SCALES)) for name in names]

    def _repr_html_(self) -> str:
        def cell(text: str, s: str) -> str:
            text = escape(text)
            return f"<td><strong>{text}</strong></td>" if s == self.scale else f"<td>{text}</td>"

        head = "".join(f'<th scope="col">{s}{" (this run)" if s == self.scale else ""}</th>' for s in SCALES)
        body = "".join(
            f'<tr><th scope="row"><code>{name}</code></th>'
            + "".join(cell(v, s) for v, s in zip(values, SCALES, strict=True))
            + "</tr>"
            for name, *values in self._rows()
        )
        return (
            '<table class="alchemy-scales"><caption>What differs between the scales</caption>'
            f'<thead><tr><th scope="col">setting</th>{head}</tr></thead><tbody>{body}</tbody></table>'
        )

    def __str__(self) -> str:
        lines = [f"{'setting':24} " + " ".join(f"{s + ('*' if s == self.scale else ''):>16}" for s in SCALES)]
        lines += [f"{name:24} " + " ".join(f"{v:>16}" for v in values) for name, *values in self._rows()]
        return "\n".join(lines) + "\n(* this run)"

    __repr__ = __str__


def choose(*, smoke: Mapping[str, Any], laptop: Mapping[str, Any], gpu: Mapping[str, Any], scale: str | None = None) -> Config:
    """The frozen configuration of the current scale (or of `scale`).

    Each argument maps the same setting names to that scale's values.
    Raises ScaleError if the scales do not name the same settings, a name is taken, or `scale` is unknown.
    """
    options = {"smoke": dict(smoke), "laptop": dict(laptop), "gpu": dict(gpu)}
    every = set().union(*options.values())
    for name, values in options.items():
        if missing := sorted(every - set(values)):
            raise ScaleError(
                f"scale {name!r} does not set {', '.join(missing)}; every scale must set the same names "
                f"({', '.join(sorted(every))}). Add the missing value to choose({name}=...)."
            )
    if taken := sorted(every & {"scale", "options", "as_dict"}):
        raise ScaleError(f"a setting cannot be called {taken[0]!r}, which every configuration has; rename it.")
    name = current() if scale is None else scale
    if name not in SCALES:
        raise ScaleError(f"scale is {name!r}; expected one of {', '.join(SCALES)}.")
    return Config(name, options)
