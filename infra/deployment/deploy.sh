#!/bin/sh
# In an unpacked bundle: `sh deploy.sh hosts.yml` does what `make deploy INVENTORY=hosts.yml` does, without internet.
PYTHONPATH="$(dirname "$0")/infra" exec python3 -m deployment deploy "$@"
