"""Frame to face to tensor to probabilities."""
