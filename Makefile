# Explorers & Settlers: every target takes SCALE=smoke|laptop|gpu and SEED=n.
SHELL  := bash
PYTHON ?= python3
SCALE  := $(or $(SCALE),$(ALCHEMY_SCALE),laptop)
SEED   := $(or $(SEED),$(ALCHEMY_SEED),0)
VENV   ?= .venv
JOBS   ?= 2
OUT    ?= _build/notebooks

BIN   := $(VENV)/bin
READY := $(VENV)/.installed
SITE  := _build/html
export ALCHEMY_SCALE := $(SCALE)
export ALCHEMY_SEED  := $(SEED)
export PYTHONPATH    := $(CURDIR)/code
export JUPYTER_PLATFORM_DIRS = 1
# What JAX compiled once is read back by the next run and the next test.
export JAX_COMPILATION_CACHE_DIR := $(CURDIR)/_build/jax
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS = 0.5
# A user who has set PIP_USER=1 could not install into an environment.
export PIP_USER = 0

# The checkout may lie anywhere and be moved: names of its own files stay relative, for a path with a space cannot be a
# target, and programs of an environment are started with `python -m`, for its scripts know the folder they were made in.

.DEFAULT_GOAL := help
.PHONY: help book pdf epub test test-site lint lab notebooks ledger reference replicate manifest coursework test-coursework lock clean

help: ## this list
	@echo "usage: make TARGET [SCALE=smoke|laptop|gpu] [SEED=n]"
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

# The environment is as the lock file says, or it is made so.
$(READY): requirements.lock
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else \
	  f"Python {v.major}.{v.minor} found as $(PYTHON); 3.11 or newer is needed. Try: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "Installing the environment of requirements.lock into $(VENV) (once; about two minutes) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

book: $(READY) ## run what is missing and build the site in _build/html; ONLY="03 08", JOBS=n pages at a time, BUDGET=seconds
	@JOBS=$(JOBS) ONLY="$(ONLY)" ALCHEMY_BUDGET="$(BUDGET)" $(BIN)/python -m press

pdf: book ## the whole book as _build/paper/explorers-and-settlers.pdf (wants Chromium; CHROMIUM= names it)
	@echo "Setting the PDF (two passes; a minute or three) ..." && $(BIN)/python -m press.paper pdf

epub: book ## the same as an EPUB 3 (wants Chromium for its formulas)
	@echo "Making the EPUB ..." && $(BIN)/python -m press.paper epub

test: $(READY) ## unit tests, and every chapter at smoke scale
	@mkdir -p _build/notebooks
	@ALCHEMY_SCALE=smoke JAX_PLATFORMS=$${JAX_PLATFORMS:-cpu} $(BIN)/python -m pytest tests _build/notebooks --ignore=tests/site --ignore=tests/course/thirty \
	  --nbval-lax --nbval-current-env --nbval-cell-timeout=300 -n $(JOBS) --dist loadscope

test-site: $(READY) ## the built site in a real browser; SITE=folder (skips with the reason where there is none)
	@ALCHEMY_SCALE=smoke SITE="$(SITE)" $(BIN)/python -m pytest tests/site tests/course/thirty/test_published.py -n $(JOBS) --dist worksteal

lint: $(READY) ## ruff's rules and its format, over the whole tree
	@$(BIN)/python -m ruff check . && $(BIN)/python -m ruff format --check .

# Jupyter refuses to serve root unless told to; who is root in a container has no other user to be.
lab: $(READY) ## JupyterLab on the chapters, opened as notebooks and saved as text; LAB_OPTIONS="--no-browser --port=9999"
	@JUPYTER_CONFIG_PATH="$(CURDIR)/scripts/lab" $(BIN)/python -m jupyterlab \
	  $$([ "$$(id -u)" -ne 0 ] || echo --allow-root) $(LAB_OPTIONS) chapters

notebooks: $(READY) ## write the chapters as .ipynb into OUT (default _build/notebooks)
	@$(BIN)/python -m alchemy.cli notebooks --out "$(OUT)"

ledger: $(READY) ## the table of verdicts; UPDATE=1 makes the runs' words the expected ones; DROP=1 lets claims go
	@$(BIN)/python -m alchemy.cli ledger $(if $(UPDATE),--update,--check) $(if $(DROP),--drop)

reference: $(READY) ## run the chapters at gpu scale, the shortest first, and write their records (wants a GPU); BUDGET=seconds
	@$(BIN)/python -m alchemy.cli reference $(if $(BUDGET),--budget $(BUDGET))

replicate: $(READY) ## run every chapter on five other seeds and keep the words
	@$(BIN)/python -m alchemy.cli replicate --jobs $(JOBS)

manifest: $(READY) ## write the contents and the tables of chapters from the chapters' manifests
	@$(BIN)/python -m alchemy.cli manifest

# nbgrader and its fifty packages are for instructors: an environment of their own.
COURSE_VENV   ?= .venv-coursework
COURSE_BIN    := $(COURSE_VENV)/bin
COURSE_READY  := $(COURSE_VENV)/.installed
COURSE_OUT    ?= _build/coursework
ASSIGNMENTS   ?=
ROSTER        ?= coursework/roster.csv
SUBMITTED     ?= coursework/submitted
COURSE         = "$(COURSE_BIN)/python" -m course
COURSE_OPTIONS = --roster "$(ROSTER)" --out "$(COURSE_OUT)" $(if $(OVERLAY),--overlay "$(OVERLAY)")

$(COURSE_READY): coursework/requirements.lock
	@test -x $(COURSE_BIN)/python || "$(PYTHON)" -m venv $(COURSE_VENV)
	@echo "Installing the environment of coursework/requirements.lock into $(COURSE_VENV) (once; a few minutes) ..."
	@$(COURSE_BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r coursework/requirements.lock
	@touch $@

coursework: $(COURSE_READY) ## release for ROSTER, grade SUBMITTED (folder or zip), feedback, gradebook; OVERLAY=folder ASSIGNMENTS="..." FORCE=1
	@$(COURSE) release $(ASSIGNMENTS) $(COURSE_OPTIONS)
	@if [ -e "$(SUBMITTED)" ]; then \
	  $(COURSE) grade $(ASSIGNMENTS) $(COURSE_OPTIONS) --submitted "$(SUBMITTED)" --workers $(JOBS) $(if $(FORCE),--force); graded=$$?; \
	  if [ -e "$(COURSE_OUT)/gradebook.db" ]; then $(COURSE) feedback $(ASSIGNMENTS) $(COURSE_OPTIONS) && $(COURSE) export $(COURSE_OPTIONS) || exit 1; fi; \
	  exit $$graded; \
	else echo "Nothing to grade yet: there is no $(SUBMITTED). Put notebooks there as STUDENT/ASSIGNMENT.ipynb, or name a" \
	  "folder or a zip with SUBMITTED=..., and run this again."; fi

test-coursework: $(COURSE_READY) ## the coursework: graders against wrong solutions, a class of thirty, hostile ones included; SITE=folder is searched too
	@SITE="$(SITE)" $(COURSE_BIN)/python -m pytest tests/course -q -rs -n $(JOBS) --dist loadfile

lock: ## resolve requirements.txt anew into requirements.lock; KEEP=1 keeps the versions that still fit
	@PYTHON="$(PYTHON)" KEEP="$(KEEP)" scripts/lock.sh

clean: ## remove runs, site, caches and generated notebooks (not the environment)
	rm -rf _build runs .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -not -path './$(COURSE_VENV)/*' -prune -exec rm -rf {} +
