"""Reconstructions of masked clips: quality over hidden places, free baselines, figures, videos."""
