"""Layers that encoders, decoder and classifier share."""
