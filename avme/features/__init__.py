"""Features of clips: extraction from a model, files, k-NN, linear probe and retrieval."""
