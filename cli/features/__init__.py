"""Commands on features: embed, knn, probe and retrieval."""
