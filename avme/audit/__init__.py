"""What a prepared dataset contains: statistics, and whether audio presence predicts the class."""
