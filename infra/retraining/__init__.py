"""`make retrain`: a run of a recipe on this machine."""
