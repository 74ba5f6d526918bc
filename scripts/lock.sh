#!/usr/bin/env bash
# Resolves the .in files for every Python from 3.11 and every platform, into locks with hashes.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --no-header --no-strip-extras "$@"
}
compile -c requirements/constraints.txt shared/requirements.in -o shared/requirements.txt
for lock in app dev bench; do
  compile -c requirements/constraints.txt -c shared/requirements.txt "requirements/$lock.in" -o "requirements/$lock.txt"
done
# What runs the tests of the rules is what runs them in dev.
compile -c requirements/constraints.txt -c requirements/dev.txt requirements/mutation.in -o requirements/mutation.txt
compile requirements/sam.in -o requirements/sam.txt
compile requirements/checkov.in -o requirements/checkov.txt
compile requirements/pip.in -o requirements/pip.txt
