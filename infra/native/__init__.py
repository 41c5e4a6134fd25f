"""The native stack: the whole platform as private processes, where no container engine answers."""
