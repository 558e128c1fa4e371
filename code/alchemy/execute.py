"""Execute one page in this process's environment, as `alchemy run` does in a process of its own.

    python -m alchemy.execute chapters/08-edge-of-stability.md FOLDER [plain]

Writes FOLDER/result.json: what the page found and what it cost. Where Jupyter is installed the cells run in a kernel of
this very Python, and FOLDER/executed.ipynb keeps the outputs; otherwise, and with "plain", they run here and print.
"""

from __future__ import annotations

import ast
import json
import linecache
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from alchemy import project
from alchemy.words import RUN_MIME

CORES = "ALCHEMY_CORES"  # the cores that the executor lends to this page, such as "0" or "0,1"
CELL_SECONDS = 1800
BEGIN = "from alchemy import cost as _cost\n_cost.begin()\ndel _cost"
END = "from alchemy import cost as _cost\n_cost.publish()"


class CellError(RuntimeError):
    """A cell raised; the message names the chapter, the cell and its line."""


def has_jupyter() -> bool:
    """Whether pages can run in a kernel here."""
    return all(find_spec(name) is not None for name in ("nbclient", "ipykernel", "jupytext"))


def run_cells(path: Path) -> dict[str, Any]:
    """Execute every code cell of a chapter in order in one fresh namespace and return what it found and cost.

    Like a notebook, a cell shows the value of its last expression. Raises CellError where a cell fails, and
    where the chapter does not open or does not finish.
    """
    import matplotlib

    from alchemy import chapter as chapters  # late: where a kernel runs the page, this process needs no JAX
    from alchemy import cost

    matplotlib.use("Agg")
    # The chapter's code runs as __main__, as it does in a kernel: dataclasses and pickling look there.
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    cells = project.code_cells(path.read_text(encoding="utf-8"))
    cost.begin()
    begun = time.perf_counter()
    for number, source in enumerate(cells, 1):
        name = f"<{path.name}, cell {number} of {len(cells)}>"
        # Tracebacks quote the line only if they can look the source up.
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        _say(number, len(cells), begun)
        try:
            _run(source, name, module.__dict__)
        except Exception as error:
            raise CellError(f"{path.name}, cell {number} of {len(cells)}: {type(error).__name__}: {error}") from error
    return finished(path, {"summary": chapters.current().summary() if chapters.is_open() else None, "cost": cost.measured()})


def run_kernel(path: Path, folder: Path) -> dict[str, Any]:
    """The same in a Jupyter kernel; the executed notebook goes to folder/executed.ipynb.

    The kernel is this Python's, whatever kernelspecs are installed, with an IPython folder of its own: a reader's
    profile and startup files do not reach a page of the book. Raises CellError where a cell fails.
    """
    import jupytext
    import nbformat
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    class OwnKernel(KernelSpecManager):
        """Knows one kernel: this Python."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(
                argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                display_name="Python 3",
                language="python",
            )

    page = jupytext.read(path, fmt="md:myst")
    whole = nbformat.from_dict(page)
    extra = [nbformat.v4.new_code_cell(source) for source in (BEGIN, END)]
    whole.cells = [extra[0], *page.cells, extra[1]]
    profile = folder / "ipython"
    profile.mkdir(exist_ok=True)
    begun, total = time.perf_counter(), sum(cell.cell_type == "code" for cell in page.cells)
    seen = iter(range(total + 2))

    def started(cell: Any, cell_index: int) -> None:
        if cell.cell_type == "code" and 0 < (number := next(seen)) <= total:
            _say(number, total, begun)

    client = NotebookClient(
        whole,
        km=AsyncKernelManager(kernel_spec_manager=OwnKernel()),
        timeout=CELL_SECONDS,
        on_cell_start=started,
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
    )
    client.owns_km = True  # so that it ends the kernel, whatever happens
    library = os.pathsep.join(filter(None, (str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH"))))
    try:
        client.execute(env=os.environ | {"IPYTHONDIR": str(profile), "PYTHONPATH": library})
    except CellExecutionError as error:
        raise CellError(f"{path.name}: {error}") from error
    data = [out.get("data", {}) for out in extra[1].outputs]
    (found,) = [bundle[RUN_MIME] for bundle in data if RUN_MIME in bundle]
    whole.cells = page.cells
    for number, cell in enumerate((c for c in whole.cells if c.cell_type == "code"), 1):
        cell.execution_count = number
        for out in cell.outputs:
            if "execution_count" in out:
                out["execution_count"] = number
    whole.metadata.pop("widgets", None)  # progress bars, which stderr shows too
    partial = folder / "executed.ipynb.part"
    nbformat.write(whole, partial)
    partial.replace(folder / "executed.ipynb")
    return finished(path, found)


def finished(path: Path, found: dict[str, Any]) -> dict[str, Any]:
    """What was found, checked: a chapter opens under its own name and judges all that it registers."""
    summary = found["summary"]
    if summary is None:
        return found
    if summary["slug"] != path.stem:
        raise CellError(f"{path.name} opened chapter {summary['slug']!r}; expected open_chapter({path.stem!r}).")
    if left := [row["claim"]["id"] for row in summary["claims"] if row["verdict"] is None]:
        raise CellError(f"{path.name} never judged {', '.join(left)}; end the chapter with chapter.finish().")
    return found


def _say(number: int, total: int, begun: float) -> None:
    print(f"· cell {number}/{total} at {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


def _run(source: str, name: str, namespace: dict[str, Any]) -> None:
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)  # noqa: S102 - running the chapter's code is the purpose
    if last is not None:
        value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
        # What displays itself in a notebook (a verdict's card) has been shown already.
        if value is not None and not hasattr(value, "_ipython_display_"):
            print(value, flush=True)


def main(page: str, folder: str, how: str = "") -> int:
    """Execute the page and write its result; the exit status says whether every cell ran."""
    if (cores := os.environ.get(CORES)) and hasattr(os, "sched_setaffinity"):
        # Before any thread is made: JAX's pool takes its size from the cores that it may use, and kernels inherit them.
        os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    path, target = Path(page).resolve(), Path(folder).resolve()
    try:
        found = run_cells(path) if how == "plain" or not has_jupyter() else run_kernel(path, target)
    except CellError as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    partial = target / "result.json.part"
    partial.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    partial.replace(target / "result.json")
    return 0


if __name__ == "__main__":
    # Under -m this file is __main__, which the chapter is about to become.
    from alchemy.execute import main as run_main

    sys.exit(run_main(*sys.argv[1:]))
