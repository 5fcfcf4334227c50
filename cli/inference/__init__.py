"""Commands that show what a trained model does: on videos, and as a page."""
