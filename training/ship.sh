#!/bin/sh
# Train the shipped model again, from the data to both INT8 files. A teacher first, then the student that learns from it.
# Some three hours on two cores; give the same WORK to go on after a stop. RECIPE=FILE takes another recipe.
set -eu
test $# -ge 4 || { echo "usage: $0 FER2013.csv FER2013NEW.csv PICTURES WORK [VERSION]" >&2; exit 2; }
recipe=${RECIPE:-$(dirname "$0")/recipes/stressvision.toml} work=$4 version=${5:-0.0.0}
mkdir -p "$work"
test -f "$work/data/metadata.json" ||
  stressvision-train prepare --fer2013 "$1" --ferplus "$2" --custom "$3" --out "$work/data"
stressvision-train fit --recipe "$recipe" --data "$work/data" --out "$work/teacher"
test -f "$work/lessons.npz" ||
  stressvision-train teach "$work/teacher/final_model.keras" --data "$work/data" --out "$work/lessons.npz"
stressvision-train fit --recipe "$recipe" --data "$work/data" --out "$work/student" \
  --lessons "$work/lessons.npz" --set seed=2027
for labels in company5 fer7; do
  stressvision-train export "$work/student" --labels $labels --version "$version" --out "$work/$labels"
  stressvision-train evaluate "$work/$labels" --data "$work/data" --split test --out "$work/$labels-figures"
done
