"""What a model is worth, by whose word, and how surely."""
