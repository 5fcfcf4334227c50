"""Pictures that stages write: each takes arrays and a path."""

import logging

# Before matplotlib is imported: it tells of every font that it does not find, and of a home that
# cannot be written, where it takes a temporary folder by itself.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
