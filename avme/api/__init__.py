"""Python API: `avme.load` and `avme.open_dataset` (docs/python.md)."""
