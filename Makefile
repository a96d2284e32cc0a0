# The manual of development: `make` lists what there is. Nothing here needs
# root, nothing asks. PYTHON=... chooses another interpreter, JOBS=... how many
# tests run at a time.

# The distribution's own first: it is built with profiles and link-time optimization,
# and carries a connection for a tenth less CPU than one built by hand mostly is.
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; \
	done; echo python3)
JOBS ?= 3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made

# A venv knows its own path: one that was moved or copied is made anew.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(shell pwd))
.PHONY: $(STAMP)
endif

.PHONY: help run test test-units test-system faults again check bench pictures docs man fuzz soak dist deb deb-test audit
.PHONY: clean
.DELETE_ON_ERROR:

help:
	@echo 'make run     set up .venv and start the demo: three hosts, one service (Ctrl-C stops it)'
	@echo 'make test    set up .venv and run every test'
	@echo 'make faults  those tests that kill, stop and starve processes under load, with the time each takes'
	@echo 'make again   run once more, one at a time, the tests that failed'
	@echo 'make check   style and types'
	@echo 'make bench   speed, side by side with what else is installed'
	@echo 'make pictures  pictures of the web admin, in docs/pictures'
	@echo 'make docs    the manual as pages and man pages, in build/docs'
	@echo 'make fuzz    random input for everything that reads from outside'
	@echo 'make soak    the fault tests at full length: half an hour, or SOAK_MINUTES=... more'
	@echo 'make dist    source archive and wheel, in dist/, the same to the bit each time'
	@echo 'make deb     a Debian package of it, in dist/'
	@echo 'make deb-test  install, upgrade under load, remove and purge that package (as root)'
	@echo 'make audit   ask for known holes in what we depend on'
	@echo 'make clean   remove .venv and all that was made'

run: $(STAMP)
	@exec $(BIN)/directord demo

test: test-units test-system

test-units: $(STAMP)
	@echo '== Unit tests, $(JOBS) at a time'
	$(BIN)/python -m pytest -n $(JOBS) --ignore=tests/system tests

test-system: $(STAMP)
	@echo '== System tests: real processes, on the loopback only'
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal tests/system

# They are numbered: 1 to 25. What one shows: grep -A3 'fault(10)' tests/system/*.py
faults: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m fault --durations=0 --durations-min=1 tests/system

# What failed the last time, one after the other. What stays noted is no test: some could not be collected, or run.
again: $(STAMP)
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none tests
	@! grep '": true' .pytest_cache/v/cache/lastfailed

check: $(STAMP)
	$(BIN)/ruff check director workers control tests setup.py
	$(BIN)/ruff format --check director workers control tests setup.py
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.scale
	$(BIN)/python -m tests.bench.connlog
	$(BIN)/python -m tests.bench.badlog

pictures: $(STAMP)
	DIRECTOR_PICTURES=docs/pictures $(BIN)/python -m pytest -q tests/system/test_browser.py -k picture

docs: man
	$(BIN)/python -m sphinx -q -W -b html docs build/docs/html
	@echo 'build/docs/html/index.html'

man: $(STAMP)
	$(BIN)/python docs/reference.py
	$(BIN)/python -m sphinx -q -W -b man docs build/docs/man

# Hypothesis' own profile of tests/conftest.py: the property tests, many times longer.
fuzz: $(STAMP)
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n $(JOBS) --ignore=tests/system tests

# Half an hour on two processors; SOAK_MINUTES=1440 goes on for a day of upgrades, reloads and kills.
soak: $(STAMP)
	DIRECTOR_SOAK=1 $(BIN)/python -m pytest -v tests/soak

dist: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[release]'
	rm -rf dist
	$(BIN)/python etc/packages/archives.py dist
	$(BIN)/twine check --strict dist/*

deb: $(STAMP)
	$(BIN)/python etc/packages/deb.py dist

deb-test: $(STAMP)
	$(BIN)/python -m pytest -o faulthandler_timeout=1800 tests/packages/life.py

# Where the advisory service can't be reached, nothing is known, and that is said; it fails by a hole only.
audit: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[release]'
	$(BIN)/python etc/packages/audit.py

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'director needs Python 3.11 or newer, and "$(PYTHON)" is not that.'; \
	  echo 'On Debian or Ubuntu: apt-get install python3 python3-venv'; \
	  echo 'One in another place: make PYTHON=/path/to/python3.12 ...'; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo 'director needs the venv module of Python, which Debian packs apart.'; \
	  echo 'To get it: apt-get install python3-venv'; exit 1; }
	@echo '== Setting up $(VENV) (once; again when the dependencies change)'
	@if [ ! -e $(STAMP) ] || [ "$$(cat $(STAMP))" != "$$(pwd)" ]; then $(PYTHON) -m venv --clear $(VENV); fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	@pwd > $(STAMP)
