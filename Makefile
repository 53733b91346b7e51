# Short names for the commands of dev.py, which also works without make.
SUITE ?= suites/classic.yaml
PYTHON ?= python3

.PHONY: run test install lint docs
run:
	@$(PYTHON) dev.py run $(SUITE)
test:
	@$(PYTHON) dev.py test
install:
	@$(PYTHON) dev.py install
lint:
	@$(PYTHON) dev.py lint
docs:
	@$(PYTHON) dev.py docs
