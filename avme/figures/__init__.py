"""Figures: each function takes arrays and a path."""

import logging

# Set before matplotlib is imported: it warns of every font that it does not find, and of a home
# directory that it cannot write, where it uses a temporary folder by itself.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
