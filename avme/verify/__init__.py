"""Verification of a prepared dataset: checksums of shards and tables."""
