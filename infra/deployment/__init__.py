"""Puts agents on Raspberry Pis: from this checkout, or from a bundle for sites without internet."""
