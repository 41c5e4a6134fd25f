"""Train a network by a recipe, and keep what made it."""
