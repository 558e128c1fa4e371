#!/usr/bin/env bash
# Make .venv with JAX, Flax and Optax at one end of the ranges in requirements.txt; the rest as new as they allow.
# usage: scripts/resolve.sh lowest-direct|highest     (the weekly workflow; `make` then uses this .venv as it is)
set -euo pipefail
cd "$(dirname "$0")/.."
end=${1:?usage: scripts/resolve.sh lowest-direct|highest}
python3 -m venv .venv
PIP_USER=0 .venv/bin/python -m pip install --quiet uv
mkdir -p _build
grep -E '^(jax|flax|optax)[>=<]' requirements.txt > _build/libraries.txt
.venv/bin/python -m uv pip compile --quiet --no-header --no-annotate --resolution "$end" _build/libraries.txt \
  | grep -E '^(jax|jaxlib|flax|optax)==' | tee _build/constraints.txt
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python -r requirements.txt -c _build/constraints.txt
touch .venv/.installed
