"""Becomes another program with the settings in a file as its environment, so that no secret stands in a command line.

`launch.py SETTINGS PROGRAM ARGUMENT…`. Standard library only, to start quickly.
"""

import json
import os
import sys

if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:  # noqa: PTH123 - pathlib would double the start-up time
        settings = json.load(file)
    os.execvpe(sys.argv[2], sys.argv[2:], {**os.environ, **settings})
