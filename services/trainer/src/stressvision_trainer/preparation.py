"""A child process: base data and company pictures into the folder that fit reads.

python -m stressvision_trainer.preparation OUT [--base DIR] [--crops DIR] [--whole DIR] [--splits INDEX]
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from stressvision_training.data.extend import Pictures, extend
from stressvision_training.data.refusals import SourceError


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    for name in ("--base", "--crops", "--whole", "--splits"):
        parser.add_argument(name, type=Path)
    asked = parser.parse_args()
    pictures = [
        Pictures(folder=folder, crop=crop) for folder, crop in ((asked.crops, True), (asked.whole, False)) if folder
    ]
    partial = asked.out.with_name(f"{asked.out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    frozen = asked.splits if asked.splits and asked.splits.is_file() else None
    try:
        metadata = extend(asked.base, pictures, partial, frozen=frozen)
    except (SourceError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        partial.rename(asked.out)
    except OSError:  # another attempt was first, with the same content
        shutil.rmtree(partial)
    facts = {name: metadata[name] for name in ("rows", "counts", "skipped", "warnings", "dropped")}
    print(json.dumps({"prepared": facts}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
