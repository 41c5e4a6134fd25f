"""Runs a module so that it dies with the trainer: `python -m stressvision_trainer.leash PARENT MODULE WORDS…`.

A trainer that is killed cannot stop its child, and two of them must not write one run.
"""

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""prctl(2)."""


def tie_to(parent: int) -> None:
    """Have the kernel kill this process when `parent` ends; end at once if it has ended already."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        sys.exit("the trainer has ended already")


if __name__ == "__main__":
    tie_to(int(sys.argv[1]))
    module, sys.argv = sys.argv[2], sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
