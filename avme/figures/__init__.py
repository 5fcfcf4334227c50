"""Pictures that stages write: each takes arrays and a path."""
