#!/usr/bin/env bash
# Installs the simulator of this checkout, with the locked versions, in an environment of its own.
set -euo pipefail
project=$(cd "$(dirname "$0")/../../.." && pwd)
"$PYTHON" -m venv "$RUNNER_TEMP/apikley-mock"
pip=("$RUNNER_TEMP/apikley-mock/bin/python" -m pip --disable-pip-version-check install --quiet)
"${pip[@]}" --require-hashes -r "$project/requirements/demo.txt"
"${pip[@]}" --no-deps --no-index --no-build-isolation "$project"
