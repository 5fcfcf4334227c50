.PHONY: check quick format

check:
	ruff format --check
	ruff check
	mypy
	lint-imports
	pytest -n auto --dist worksteal

quick:
	ruff format --check
	ruff check
	pytest -m 'not slow' -n auto --dist worksteal

format:
	ruff format
	ruff check --fix
