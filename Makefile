# What there is to do here: "make" lists it.
.DEFAULT_GOAL := help
.PHONY: help setup package demo test bench test-splunk up down lock clean
SHELL := bash

# Any Python from 3.9 on. (The app itself is tried under both Pythons that Splunk has, where they are found.)
PYTHON ?= python3
VENV := .venv
TOOLS := build/venvs

PIP_INSTALL = -m pip install -qq --disable-pip-version-check --require-hashes -r

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: $(VENV)/ready  ## make .venv, with what the demo and the tests need

# An environment that is there already is brought up to date in place.
$(VENV)/ready: tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9) and "Python 3.9 or newer is needed: make PYTHON=...")'
	@echo "setup: installing tests/requirements.txt into $(VENV)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python $(PIP_INSTALL) $<
	@touch $@

package: setup  ## build dist/segment_bridge-<version>.tar.gz
	@./package.sh

demo: setup  ## the whole job, here on loopback (KEEP=1 leaves it running)
	@package=$$(./package.sh) && $(VENV)/bin/python -m tests.demo $(if $(KEEP),--keep) "$$(tail -n 1 <<< "$$package")"

test: package $(TOOLS)/appinspect/ready $(TOOLS)/slim/ready  ## everything that is checked (ARGS="tests/unit -k retry" for a part)
	@$(VENV)/bin/python -m pytest $(ARGS)

bench: package  ## how fast the command is
	@$(VENV)/bin/python -m tests.bench $(ARGS)

test-splunk: package  ## the end-to-end tests in a real Splunk, in containers (SPLUNK_VERSION=9.4)
	@$(VENV)/bin/python -m tests.docker test $(ARGS)

up: setup  ## a real Splunk, Segment and a cluster in containers, to set the app up by hand
	@package=$$(./package.sh) && $(VENV)/bin/python -m tests.docker up "$$(tail -n 1 <<< "$$package")"

down: setup  ## end what "make up" began
	@$(VENV)/bin/python -m tests.docker down

# Splunk's own checkers need old libraries: each has an environment of its own. AppInspect reads our code with the
# Python that it runs on, so that is the older one of Splunk's.
$(TOOLS)/%/ready: tests/package/%.txt | setup
	@echo "setup: installing $< into $(@D)"
	@test -x $(@D)/bin/python || "$$($(VENV)/bin/python -m tests.pythons 3.9 3.13 || echo $(PYTHON))" -m venv $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) $<
	@touch $@

lock: export UV_CUSTOM_COMPILE_COMMAND = make lock
lock: setup  ## pin anew what the requirements.in files ask for
	@test -x $(TOOLS)/uv/bin/uv || { $(VENV)/bin/python -m venv $(TOOLS)/uv && $(TOOLS)/uv/bin/python -m pip install -qq uv; }
	@cd app/lib && ../../$(TOOLS)/uv/bin/uv pip compile -q --upgrade --generate-hashes --python-version 3.9 \
	    --no-emit-package tzdata --no-emit-package websocket-client requirements.in -o requirements.txt
	@for name in tests/requirements tests/package/appinspect tests/package/slim; do \
	    $(TOOLS)/uv/bin/uv pip compile -q --upgrade --generate-hashes --python-version 3.9 --universal --fork-strategy fewest \
	        $$name.in -o $$name.txt || exit 1; \
	done

clean:  ## remove what was built (not .venv)
	@rm -rf build dist
