.PHONY: check format

check:
	ruff format --check
	ruff check
	mypy
	lint-imports
	pytest -n auto --dist worksteal

format:
	ruff format
	ruff check --fix
