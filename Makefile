# Everything from a fresh clone: `make run`, `make test`. What is done is not done again (stamps in .venv).
# pip installs, so its own settings (pip.conf, PIP_INDEX_URL, PIP_FIND_LINKS, PIP_CERT, …) are honoured.

TEMPLATE ?= service_advisor
PYTHON   ?= $(or $(shell command -v python3.11 || command -v python3),python3.11)
BIN      := .venv/bin
PIP      := $(BIN)/python -m pip install -qq
UV       := uv==0.13.9
TORCH    := $(shell sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)
WORKERS  := -n 2

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: run test test-all lint bench docs install stop clean doctor lock help
.DELETE_ON_ERROR:

# $(call timed,what,command): one line that says what is going on, the time passed every half minute, and what it took
timed = @printf '%s … ' '$(1)'; began=$$(date +%s); \
  (while sleep 30 >/dev/null 2>&1; do printf '%s s …\n' "$$(($$(date +%s) - began))"; done) & beat=$$!; \
  { $(2); }; code=$$?; kill $$beat 2>/dev/null; [ $$code -ne 0 ] || echo "$$(($$(date +%s) - began)) s"; exit $$code

run: install  ## specialise a model: TEMPLATE=service_advisor; APPROVE=yes approves without asking
	@$(BIN)/weaver run $(TEMPLATE) $(if $(filter yes,$(APPROVE)),--approve)

test: lint  ## lint, types, and every test but the slow ones
	@$(BIN)/pytest $(WORKERS) -m "not slow"

test-all: lint  ## the slow tests too
	@$(BIN)/pytest $(WORKERS)

lint: install
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/deptry pipelines dags plugins
	@report=$$($(BIN)/lint-imports --no-cache --no-logo 2>&1) || { echo "$$report"; exit 1; }

bench: install  ## measure a figure of the documentation: B=serve, B="gate --json"; B=--help lists them
	@$(BIN)/python -m tests.bench $(or $(B),--help)

docs: install  ## build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --config-file .mkdocs.yml

doctor: install  ## is this machine fit, and what to do where it is not
	@$(BIN)/weaver doctor

stop:  ## stop the servers; what was running goes on after the next start
	@if [ -x $(BIN)/weaver ]; then $(BIN)/weaver down; fi

clean: stop  ## factory reset: stop the servers and remove all state (.weaver); the environment (.venv) stays
	@rm -rf .weaver
	@if [ -n "$$WEAVER_HOME" ]; then echo "State is in $$WEAVER_HOME, which is yours to remove."; fi

lock: install  ## choose the newest versions that pyproject.toml allows, for a torch without CUDA
	@$(PIP) $(UV)
	@$(BIN)/uv pip compile pyproject.toml --upgrade --extra ray --extra automotive --group dev --group proof --group docs --group names --no-emit-package torch --no-emit-package neuroweaver --generate-hashes --no-header \
	  --no-annotate --quiet --output-file .requirements.lock \
	  $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS),--torch-backend=cpu)
	@$(BIN)/uv pip compile --group serving --upgrade --no-deps --generate-hashes --no-header --no-annotate --quiet \
	  --output-file .serving.lock

help:  ## show this
	@sed -n 's/^\([a-z-]*\):.*##/\1 #/p' $(MAKEFILE_LIST) | while IFS='#' read -r name what; do \
	  printf '  make %-10s%s\n' "$$name" "$$what"; done

install: .venv/project .venv/torch .venv/serving/locked  ## only set up

.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo 'NeuroWeaver needs Python 3.11; here is $(or $(shell $(PYTHON) --version 2>/dev/null),none).' >&2; \
	  echo 'Install it (Debian, Ubuntu: python3.11-venv), or say where it is: make run PYTHON=/path/to/python3.11' >&2; \
	  exit 1; }
	$(call timed,making .venv,$(PYTHON) -m venv .venv)
	@touch $@

# pip compiles one file after the other; compileall uses every core.
.venv/locked: .requirements.lock | .venv/created
	$(call timed,installing $(shell grep -c == $<) packages (one to three minutes),\
	  $(PIP) --no-compile --no-deps --require-hashes -r $< && { $(BIN)/python -m compileall -qq -j 0 .venv/lib || true; })
	@touch $@

.venv/project: pyproject.toml .venv/locked
	$(call timed,installing this project,$(PIP) --no-deps --editable .)
	@touch $@

# torch is not in the lock, for its build differs by machine: CUDA where there is an NVIDIA GPU; yours, where pip is
# told to find links; else the CPU build from the place that uv knows, or if that is out of reach, the index's.
.venv/torch: pyproject.toml .venv/locked
	$(call timed,installing $(TORCH),\
	  if [ -e /proc/driver/nvidia/version ] || $(BIN)/python -m pip config list | grep find-links >/dev/null; \
	  then $(PIP) $(TORCH); \
	  else $(PIP) $(UV) && $(BIN)/uv pip install -q -p $(BIN)/python --torch-backend=cpu $(TORCH) || $(PIP) $(TORCH); fi)
	@touch $@

# Triton and llama.cpp run in an environment of their own. Without their dependencies: Triton's package asks for much
# that only its own Python server needs.
.venv/serving/locked: .serving.lock | .venv/created
	$(call timed,installing Triton and llama.cpp,\
	  $(BIN)/python -m venv .venv/serving && .venv/serving/bin/python -m pip install -qq --no-deps --require-hashes -r $<)
	@touch $@
