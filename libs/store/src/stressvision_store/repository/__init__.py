"""The signed repository (TUF) from which devices get their models: its keys, its metadata, and how it is renewed."""
