"""Files on disk: atomic writes, hashes, locks, JSON, free space."""
