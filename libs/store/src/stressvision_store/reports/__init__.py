"""Reports about groups, as HTML, PDF and CSV, in Spanish and English, made of the suppressed views alone."""
