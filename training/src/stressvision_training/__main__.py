"""`python -m stressvision_training` is `stressvision-train`."""

from stressvision_training.cli import main

main()
