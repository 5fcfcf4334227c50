"""Evaluation: the dataset that is scored and the files that hold the results."""
