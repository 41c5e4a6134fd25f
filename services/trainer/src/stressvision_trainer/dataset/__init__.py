"""Company pictures on their way in: found, checked, and sent."""
