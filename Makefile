# Around the Transformer. `make help` lists what there is.
# Paths are relative and quoted: the course may lie below a directory with a space in its name.

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/sh

# The first of these that is 3.11 to 3.13; `make PYTHON=/path/to/python` chooses another.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  "$$p" -c '$(SUPPORTED)' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv/bin/python
COLAB := .venv-colab/bin/python
# As a module call: the `jupyter-book` script breaks below a directory with a space in its name.
BOOK := -c 'from jupyter_book.cli.main import main; main()'
PORT ?= 8000

# Notebooks run in their own directory: a relative path has to become an absolute one first. Make does
# it itself: $(shell) does not see variables of the command line, and $(abspath) splits at spaces. An
# empty one in the environment is none, as for load_corpus; an empty one on the command line is a slip.
ifneq ($(COURSE_CORPUS)$(filter command,$(origin COURSE_CORPUS)),)
start := $(firstword $(COURSE_CORPUS))
ifeq ($(start),)
$(error COURSE_CORPUS gives no path: name the corpus file, or unset the variable to download it)
else ifneq ($(filter ~/%,$(start)),)
override COURSE_CORPUS := $(HOME)$(COURSE_CORPUS:~/%=/%)
else ifeq ($(filter /%,$(start)),)
override COURSE_CORPUS := $(CURDIR)/$(COURSE_CORPUS)
endif
export COURSE_CORPUS
endif
# Stored outputs and the site show what the CPU computes: a GPU sums in another order, so its losses
# differ, and on an NVIDIA one chapter 6 makes all of its 5,000 steps.
export COURSE_DEVICE := cpu
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Older kernels otherwise say on every start that a debugger might miss breakpoints.
export PYDEVD_DISABLE_FILE_VALIDATION := 1

say = printf '\n=== %s\n' $(1)

.PHONY: help venv check-python corpus book serve test test-unit test-notebooks test-site test-colab test-install \
  notebooks replay mutants benchmark clean

help:  ## list the commands
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1|/' | awk -F'|' '{printf "%-24s%s\n", $$1, $$2}'

venv: .venv/installed
.venv/requirements: requirements.txt | check-python
	@$(call say,"Python environment in .venv (several minutes the first time)")
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; none was found." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' || { echo "On Debian: apt-get install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv --clear .venv
	$(VENV) -m pip install --quiet -r requirements.txt
	@touch .venv/requirements
# A PYTHON that was named is looked at even where .venv exists already and would go on to serve.
check-python:
	@test -z "$(PYTHON)" || "$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null || \
	  { echo "PYTHON is '$(PYTHON)', which is missing or is no Python 3.11, 3.12 or 3.13." >&2; exit 1; }
.venv/installed: .venv/requirements pyproject.toml
	$(VENV) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch .venv/installed

corpus: venv
	@$(call say,"Corpus")
	@$(VENV) -m tools.corpus

# From nothing each time: Sphinx would keep a page whose notebook is unchanged, although the corpus or
# the library is another.
book: corpus  ## build the website, check every page, say where it is
	@$(call say,"Website (runs every notebook: a few minutes)")
	@rm -rf _build/html _build/.doctrees
	$(VENV) $(BOOK) build . -W --keep-going --quiet
	@$(call say,"Pages")
	@$(VENV) -m tools.check_site

serve:  ## serve the built website on this machine (PORT=8000)
	@test -d _build/html || { echo "There is no website yet: run make book first." >&2; exit 1; }
	@echo "http://localhost:$(PORT)/ (end with Ctrl-C)"
	@$(VENV) -m http.server --bind 127.0.0.1 --directory _build/html "$(PORT)"

test: test-unit test-notebooks book test-site test-colab  ## run every test
	@$(call say,"All tests passed")

test-unit: corpus
	@$(call say,"Unit tests")
	$(VENV) -m pytest -m "not site and not browser"

test-notebooks: corpus
	@$(call say,"Notebooks against their stored outputs")
	@$(VENV) -m tools.notebooks check
	@$(VENV) -m tools.corpus --nbval notebooks

# Needs the website; `make test` builds it just before.
test-site: venv
	@$(call say,"Website in a browser")
	@$(VENV) -m tools.browser || true
	$(VENV) -m pytest -m "site or browser"

.venv-colab/installed: requirements-colab.txt | check-python
	@$(call say,"Environment with Colab's versions in .venv-colab")
	"$(PYTHON)" -m venv --clear .venv-colab
	$(COLAB) -m pip install --quiet -r requirements-colab.txt
	@touch .venv-colab/installed

test-install: venv .venv-colab/installed
	@$(call say,"The install cell: pip from a tagged repository into Colab's versions")
	@$(VENV) -m tools.try_install $(COLAB)

test-colab: corpus test-install
	@$(call say,"Notebooks with Colab's versions and the package just installed")
	@$(COLAB) -m tools.corpus --nbval notebooks

notebooks: corpus  ## execute and strip every notebook (authors only)
	@$(call say,"Executing and stripping the notebooks")
	$(VENV) -m tools.notebooks execute $(NAMES)

replay: corpus  ## train the first updates of every recorded run again and compare
	@$(call say,"Recorded runs")
	COURSE_REPLAY=all COURSE_REQUIRE_CORPUS=1 $(VENV) -m pytest tests/test_replay.py

mutants: corpus  ## plant deliberate faults, see a test fail for each
	@$(call say,"Deliberate faults")
	$(VENV) -m tools.mutants

benchmark: book  ## measure, side by side
	@$(call say,"Benchmarks")
	@for file in benchmarks/*.py; do echo "$$file"; $(VENV) "$$file" || exit 1; done

clean:  ## remove environments and everything built
	rm -rf .venv .venv-colab _build build course_lib.egg-info .pytest_cache
