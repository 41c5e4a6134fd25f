#!/bin/sh
# Runs a script with Python 3.11, under whichever name this machine has it.
for name in python3.11 python3 python; do
  if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    exec "$name" "$@"
  fi
done
echo "error: Python 3.11 is needed and was not found on PATH (Debian 12: apt-get install python3; elsewhere: python3.11)" >&2
exit 1
