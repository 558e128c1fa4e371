#!/usr/bin/env bash
# Resolve requirements.txt into requirements.lock, and coursework/requirements.txt into a lock of its own that keeps the
# book's versions: one set for every supported Python, with hashes. `lock.sh coursework` renews the second alone.
# Run it through `make lock`; review the diff, then run `make test` and `make book` before committing it. With KEEP=1 the
# versions of the present lock stay wherever they still fit, as when one requirement is added.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=_build/lock-tools
upgrade=()
[ -n "${KEEP:-}" ] || upgrade=(--upgrade)
# By `python -m`, never by a script of the environment: those know the folder that they were made in.
"$tools/bin/python" -m uv --version >/dev/null 2>&1 ||
  { "${PYTHON:-python3}" -m venv --clear "$tools" && PIP_USER=0 "$tools/bin/python" -m pip install --quiet uv; }
# uv resolves once for all platforms and Pythons; pip installs from the result. `fewest` keeps a single
# version of each package, so that every reader runs the same JAX.
# usage: resolve INPUT LOCK FIRST-LINE [OPTIONS]
resolve() {
  cp "$2" _build/resolved.lock  # whose versions uv keeps, unless it is told to upgrade
  "$tools/bin/python" -m uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
    ${upgrade[@]+"${upgrade[@]}"} --no-annotate --no-header --no-emit-index-url --no-emit-find-links "${@:4}" "$1" --output-file _build/resolved.lock
  {
    echo "# $3"
    echo "#   pip install --require-hashes -r $2"
    cat _build/resolved.lock
  } > "$2"
  if grep -n -E '://|^--' "$2"; then
    echo "$2 names an address or an option (above); it must hold versions and hashes only." >&2
    exit 1
  fi
  echo "$2: $(grep -c '==' "$2") packages"
}
if [ "${1:-}" != coursework ]; then
  resolve requirements.txt requirements.lock \
    "The whole resolved environment: \`make lock\` made this from requirements.txt, for Python 3.11 to 3.13."
fi
resolve coursework/requirements.txt coursework/requirements.lock \
  "The coursework's environment: \`make lock\` made this from coursework/requirements.txt, within requirements.lock." \
  --constraint requirements.lock
