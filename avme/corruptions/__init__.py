"""Degradations of frames and audio, in five severities defined by a measured quantity."""
