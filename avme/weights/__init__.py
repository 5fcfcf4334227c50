"""Weight files of avme, VideoMAE and Hugging Face, loaded and exported."""
