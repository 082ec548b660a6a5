PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed

.PHONY: run test check fix bench docs image-test

run: $(READY)          ## serve the page and the API on loopback
	@$(BIN)/privity serve

test: $(READY)         ## the default tests
	@$(BIN)/python -m pytest

check: $(READY)        ## style, types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

fix: $(READY)          ## what a program can mend
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(READY)        ## the benches, given DATA=folder
	@bench/run $(DATA)

docs: $(READY)         ## regenerate docs/configuration.md
	@$(BIN)/python docs/generate.py

image-test: $(READY)   ## containerize with buildah and ask the container a question (root, Debian)
	@deploy/image-test

$(READY): pyproject.toml constraints.txt
	@deploy/install $(PYTHON)
	@touch $@
