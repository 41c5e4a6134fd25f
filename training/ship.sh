#!/bin/sh
# Train the shipped model again, from the data to both INT8 files: four teachers, each taught by those before it; a large
# network, first by what all have said of the pictures, then by three that see each varied face with it; a narrow one
# that nobody teaches; and the one that ships, the large one cut down, which those two and the fourth teach likewise.
# Some thirteen hours on two cores; give the same WORK to go on after a stop. RECIPES=FOLDER takes others of the same
# names, SPLITS=training/splits/company.csv keeps the people on whom it was judged where they were, if PICTURES shows
# the same.
set -eu
test $# -ge 4 || { echo "usage: $0 FER2013.csv FER2013NEW.csv PICTURES WORK [VERSION]" >&2; exit 2; }
recipes=${RECIPES:-$(dirname "$0")/recipes} work=$4 version=${5:-0.0.0}

fit() { # RUN RECIPE and what else fit takes
  run=$1 recipe=$2
  shift 2
  stressvision-train fit --recipe "$recipes/$recipe.toml" --data "$work/data" --out "$work/$run" "$@"
}

teach() { # LESSONS RUN...
  lessons=$work/$1
  shift
  test ! -f "$lessons" || return 0
  for run do
    shift
    set -- "$@" "$work/$run/final_model.keras"
  done
  stressvision-train teach "$@" --data "$work/data" --out "$lessons"
}

go_on() { # RUN RECIPE BEGUN TEACHER...
  run=$1 recipe=$2 begun=$3
  shift 3
  for teacher do
    shift
    set -- "$@" --teacher "$work/$teacher/final_model.keras"
  done
  fit "$run" "$recipe" --init "$work/$begun/final_model.keras" "$@"
}

mkdir -p "$work"
test -f "$work/data/metadata.json" ||
  stressvision-train prepare --fer2013 "$1" --ferplus "$2" --custom "$3" --validation-share 0.03 \
    ${SPLITS:+--splits "$SPLITS"} --out "$work/data"
fit first teacher
teach lessons-1.npz first
fit second teacher --lessons "$work/lessons-1.npz" --set seed=2027
teach lessons-2.npz first second
fit third teacher --lessons "$work/lessons-2.npz" --set seed=2028 --set distillation.share=0.7 \
  --set augmentation.mixup=0.3 --set augmentation.erase=0.25 --set architecture.dropout=0.2
teach lessons-3.npz first second third
fit fourth teacher-last --init "$work/second/final_model.keras" --lessons "$work/lessons-3.npz"
teach lessons-4.npz first second third fourth
fit student stressvision --lessons "$work/lessons-4.npz"
go_on large stressvision-last student student first fourth
fit narrow teacher-narrow
go_on shipped stressvision-pruned large large fourth narrow
missed=0
for labels in company5 fer7; do
  stressvision-train export "$work/shipped" --labels $labels --version "$version" --out "$work/$labels" || missed=1
  stressvision-train evaluate "$work/$labels" --data "$work/data" --split test --out "$work/$labels-figures"
done
exit $missed  # a gate that is not met is no reason to leave the figures out
