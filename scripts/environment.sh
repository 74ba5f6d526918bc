#!/usr/bin/env bash
# Makes a virtual environment from a lock: scripts/environment.sh FOLDER LOCK [install-project]
# Everything is pinned with hashes; nothing outside FOLDER is touched.
set -euo pipefail
folder=$1 lock=$2 project=${3:-}
python=${PYTHON:-python3}

if ! command -v "$python" >/dev/null; then
  echo "error: there is no '$python'; install Python 3.11 or newer, or name one: make PYTHON=python3.13 …" >&2
  exit 64
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "error: $("$python" --version) is too old; Trueup needs 3.11 or newer: make PYTHON=python3.13 …" >&2
  exit 64
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "error: this Python cannot make virtual environments; on Debian: apt-get install python3-venv" >&2
  exit 64
fi

packages=$(grep -cE '^[a-z0-9].*==' "$lock")
echo "Installing $packages pinned packages into $folder (once; about a minute)"
[ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
log="$folder/install.log"
pip() { "$folder/bin/python" -m pip --disable-pip-version-check --no-input "$@" >>"$log" 2>&1; }
failed() {
  grep -E '^ERROR' "$log" | tail -n 3 >&2 || true
  echo "error: the installation failed; the whole story is in $log" >&2
  exit 1
}
: >"$log"
pip install --require-hashes -r requirements/pip.txt || failed

# One line that counts, where there is somebody to watch it.
if [ -t 1 ]; then
  (
    while sleep 0.5; do
      printf '\r  %s of %s collected' "$(grep -c '^Collecting' "$log" || true)" "$packages"
    done
  ) &
  counter=$!
  trap 'kill $counter 2>/dev/null || true' EXIT
fi
pip install --require-hashes -r "$lock" || failed
if [ -n "$project" ]; then
  pip install --no-build-isolation --no-deps --editable . || failed
fi
if [ -t 1 ]; then
  kill $counter 2>/dev/null || true
  trap - EXIT
  printf '\r'
fi
echo "Installed."
