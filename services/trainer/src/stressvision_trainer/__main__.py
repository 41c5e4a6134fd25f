"""`python -m stressvision_trainer` is `stressvision-trainer`."""

from stressvision_trainer.app import main

main()
