"""The data protection dossier: what the running system knows of itself, laid out for who must judge it."""
