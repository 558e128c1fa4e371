#!/usr/bin/env bash
# Build the site with warnings as errors. usage: scripts/book.sh BIN SITE (make book calls it)
set -uo pipefail
bin=$1 site=$2
start=$SECONDS
echo "Building the book: scale $ALCHEMY_SCALE, seed $ALCHEMY_SEED"
# Each kernel says that it talks to this machine over plain TCP, which is how Jupyter works; not a warning of the book.
{ "$bin/python" -c 'from jupyter_book.cli.main import main; main()' build . -W -n --keep-going -q 2>&1 >&3 | grep --line-buffered -v -F '[IPKernelApp]' >&2
  status=${PIPESTATUS[0]}; } 3>&1
if [ "$status" -ne 0 ]; then
  echo "The book was not built cleanly (see above); $((SECONDS - start)) s." >&2
  exit "$status"
fi
echo "Open $PWD/$site/index.html"
echo "Total time: $((SECONDS - start)) s"
