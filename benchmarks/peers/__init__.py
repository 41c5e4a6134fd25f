"""What the intake is measured against."""
