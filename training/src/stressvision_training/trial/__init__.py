"""Try a model on pictures of one's own."""
