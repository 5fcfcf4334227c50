"""Stages of the commands on features: embed, knn, probe and retrieval."""
