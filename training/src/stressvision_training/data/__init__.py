"""Pictures, labels and votes as people have them, and the folder of splits that they become."""
