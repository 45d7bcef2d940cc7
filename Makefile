# make demo: set up and run the main job.   make test: set up and run every check.
PYTHON ?= python3
BIN := .venv/bin
.PHONY: demo test check pytest clean

demo: .venv/installed
	$(BIN)/python train_model.py

test: check pytest

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

pytest: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean:
	rm -rf .venv build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache
