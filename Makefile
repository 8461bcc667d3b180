# The commands of this project: the same by hand, in hooks and in CI.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CASES ?= 400
SEED ?= 1

.PHONY: demo test lint format slow fuzz wheel-check system clean

demo: $(VENV)/.ready  ## a clip and a few photos in colour, from scikit-image's pictures
	$(BIN)/python examples/demo.py demo

test: $(VENV)/.ready system lint  ## lint, types and the fast tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

slow: $(VENV)/.ready system  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

fuzz: $(VENV)/.ready  ## damaged pictures, films, thermal files and jobs; CASES of each kind, from SEED on
	$(BIN)/python -m tests.fuzz --cases $(CASES) --seed $(SEED)

wheel-check: $(VENV)/.ready  ## build the wheel, install it into an empty environment, run it from an empty folder
	PYTHON=$(PYTHON) BUILD_PYTHON=$(BIN)/python ./scripts/wheel-check

system:  ## ffmpeg, which the tests make their clips with
	./scripts/system-packages

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo dist build
