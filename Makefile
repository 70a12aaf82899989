# Python 3.11, Node and make are all that must be here; the rest is brought.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
DEVNET := $(VENV)/bin/python -m cryptopay.devnet

.PHONY: run install test messages bench torture write reset

run: install            ## start everything, print where it is; Ctrl-C stops it
	@$(DEVNET) run

install: $(VENV)/installed
	@$(DEVNET) install

test: $(VENV)/installed ## lint, types, contracts, migrations, deployment, tests
	@$(DEVNET) install --for-tests
	@$(DEVNET) check

messages: $(VENV)/installed ## read the payment page's words off the code, and compile their translations
	@$(DEVNET) messages

bench: install           ## measure everything, or PARTS="ledger scan" alone; docs/benchmarks.md
	@$(DEVNET) bench $(PARTS)

torture: install         ## try to break the ledger for half an hour, or TRIALS="crash tampering" alone
	@$(DEVNET) torture $(TRIALS)

write: $(VENV)/installed ## write the Python client and the Postman collection anew from the API's description
	@$(DEVNET) write

reset: $(VENV)/installed ## forget the demo: database, chains, logs
	@$(DEVNET) reset

$(VENV)/installed: requirements.txt requirements-dev.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or later is needed. Fix: install it, or name it: make PYTHON=/path/to/python3.11'; exit 1; }
	@echo 'Installing the Python packages into $(VENV) ...'
	@test -x $(VENV)/bin/python || "$(PYTHON)" -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	@$(VENV)/bin/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "cryptopay.pth").write_text("$(CURDIR)\n")'
	@touch $@
