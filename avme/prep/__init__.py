"""Preparation of a dataset: request, plan, shard building, publication."""
