"""Commands that look at what a model makes of videos."""
