"""Files of Hugging Face: config.json, sharded weights, export."""
