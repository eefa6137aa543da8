# make setup   the environment in .venv, with the `tfgen` command in it
# make demo    a joint image-text model trained in ten minutes, with a report and pictures
# make test    all tests
# make lint    ruff: rules and format
# make clean   removes .venv and caches; runs/ and saved_models/ stay
#
# PYTHON=/path/to/python3.11 chooses the interpreter that .venv is made of.
# RESUME=1 makes the demo go on with a run that was stopped.

PYTHON ?=
PRESET ?= quick
TEST_WORKERS ?= 2
PYTEST_ARGS ?=

CANDIDATES := $(if $(PYTHON),$(PYTHON),python3.11 python3.10 python3.9 python3 python)
STAMP := .venv/.tfgen-installed

.PHONY: help setup demo test lint clean

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

setup: $(STAMP)
	@echo ".venv is ready; the command is .venv/bin/tfgen"

$(STAMP): requirements.lock setup.py tools/make_environment.sh
	@sh tools/make_environment.sh .venv $(CANDIDATES)
	@touch $@

demo: $(STAMP)
	@.venv/bin/tfgen train vlvae_two_objects --preset $(PRESET) $(if $(RESUME),--resume)

test: $(STAMP)
	.venv/bin/python -m pytest tests -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder \
		$(PYTEST_ARGS)

lint: $(STAMP)
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
