"""The vocabulary: whole, light to import, and the root of an import graph without circles."""

from __future__ import annotations

import ast
import json
import math
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from alchemy import words

LIBRARY = Path(words.__file__).resolve().parent


def test_importing_it_brings_no_other_package() -> None:
    code = "import sys; before = set(sys.modules); import alchemy.words; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(LIBRARY.parent)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = done.stdout.split()
    ours = {name for name in loaded if name.partition(".")[0] == "alchemy"}
    assert ours == {"alchemy", "alchemy.words"}
    foreign = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {"alchemy"}
    assert {name for name in foreign if not name.startswith("_")} == set()


def test_every_word_and_every_side_has_a_sign_of_its_own() -> None:
    assert set(words.SIGNS) == set(get_args(words.Word)) == {*words.JUDGED, words.NOT_JUDGED}
    assert words.JUDGED == get_args(words.Judged)
    signs = [*words.SIGNS.values(), *words.SIDE_SIGNS.values()]
    assert len(set(signs)) == len(signs)


def test_scale_and_seed_are_read_from_any_environment() -> None:
    assert (words.scale({}), words.seed({})) == ("laptop", 0)
    assert (words.scale({"ALCHEMY_SCALE": " gpu "}), words.seed({"ALCHEMY_SEED": "7"})) == ("gpu", 7)
    with pytest.raises(words.ScaleError, match="'GPU'.*smoke, laptop, gpu"):
        words.scale({"ALCHEMY_SCALE": "GPU"})


def test_numbers_go_to_strict_json_and_ends_come_back() -> None:
    made = {"a": (np.float32(1.5), math.inf, [math.nan, np.int64(3)]), "b": {"c": -math.inf, "d": True, "e": None, "f": "x"}}
    text = json.dumps(words.finite(made), allow_nan=False)
    assert json.loads(text) == {"a": [1.5, None, [None, 3]], "b": {"c": None, "d": True, "e": None, "f": "x"}}
    for low, high in ((-math.inf, 2.0), (0.0, math.inf), (1.0, 2.0)):
        assert words.ends(*words.finite([low, high])) == (low, high)


def graph(folder: Path) -> dict[str, set[str]]:
    """Module -> the modules of its own package that it imports anywhere: at its top, in functions, for type checkers."""
    package = folder.name
    names = {}
    for path in sorted(folder.rglob("*.py")):
        parts = [package, *path.relative_to(folder).with_suffix("").parts]
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path

    def imported(name: str, path: Path) -> set[str]:
        found = set()
        inside = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = inside[: len(inside) - node.level + 1] if node.level else []
                base = ".".join([*base, *([node.module] if node.module else [])])
                # `from package import module` is an import of the module, `from module import name` of the module.
                found |= {full if (full := f"{base}.{alias.name}") in names else base for alias in node.names}
        return (found & set(names)) - {name}

    return {name: imported(name, path) for name, path in names.items()}


def test_no_circle_of_imports() -> None:
    imports = graph(LIBRARY)
    assert imports["alchemy.claims.ledger"] >= {"alchemy.claims.model", "alchemy.words"}  # the graph sees what is there
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"imports go round: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize("way", ["from package import b", "def f():\n    from . import b", "if 0:\n    from package.b import x"])
def test_a_circle_is_found_wherever_the_import_stands(tmp_path: Path, way: str) -> None:
    (folder := tmp_path / "package").mkdir()
    (folder / "__init__.py").touch()
    (folder / "a.py").write_text(way)
    (folder / "b.py").write_text("import package.a")
    with pytest.raises(CycleError):
        TopologicalSorter(graph(folder)).prepare()
