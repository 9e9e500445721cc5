# Two commands set everything up on a machine that has Python 3.11 to 3.13 and make:
#   make train   the default experiment on data that comes with the dependencies
#   make test    the whole test suite
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test test-fast lint types clean

train: .venv/installed
	$(BIN)/python src/train.py

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-fast: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

lint: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/installed-dev
	$(BIN)/mypy

.venv/bin/python:
	@$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	@echo "installing into .venv (minutes the first time, for PyTorch) ..."
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/installed-dev: pyproject.toml | .venv/bin/python
	@echo "installing into .venv (minutes the first time, for PyTorch) ..."
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@ .venv/installed

clean:
	rm -rf .venv build src/*.egg-info
