"""Benchmarks: speed of loading, preparation and training steps against baselines."""
