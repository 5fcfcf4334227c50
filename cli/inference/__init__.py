"""Commands on trained models: what they do on videos, as a page, and export."""
