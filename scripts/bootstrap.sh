# Sourced by the scripts beside it: finds Python and creates locked environments in .venv/.
# shellcheck shell=sh

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# Prints the first Python that is new enough; tries $PYTHON first.
find_python() {
  seen=""
  for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
    version=$("$candidate" -c 'import sys; print(*sys.version_info[:2], sep=".")' 2>/dev/null) || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
    seen="$seen $candidate is $version,"
  done
  [ -n "$seen" ] && fail "Python 3.11 or newer is needed, but${seen%,}; install one, or name it in PYTHON"
  fail "no Python found; install Python 3.11 or newer, or name it in PYTHON"
}

# make_env NAME [SIZE]: creates .venv/NAME from requirements/NAME.txt, once, and says so. Recreates it if its Python no
# longer runs or if the checkout was moved, because installed scripts contain absolute paths; nox's
# environments are removed then, too.
make_env() {
  env=.venv/$1 locked=requirements/$1.txt log=.venv/$1.log here=$(pwd -P)
  if [ -e "$env/.locked" ]; then
    made_in=
    [ -r "$env/.made-in" ] && read -r made_in <"$env/.made-in"
    if [ "$made_in" != "$here" ] || ! "$env/bin/python" -c "" >/dev/null 2>&1; then
      rm -rf "$env"
      [ "$1" != nox ] || rm -rf .nox
    fi
  fi
  if cmp -s "$locked" "$env/.locked"; then
    return
  fi
  python=$(find_python) || exit 1
  rm -rf "$env"
  mkdir -p .venv
  echo "creating the environment $env (once)${2:-}" >&2
  "$python" -m venv "$env" >"$log" 2>&1 ||
    fail "cannot create a virtual environment with $python: $(tail -n 1 "$log"); on Debian, install python3-venv"
  "$env/bin/python" -m pip install --quiet --disable-pip-version-check --retries 1 --timeout 20 \
    --require-hashes -r "$locked" >"$log" 2>&1 ||
    fail "cannot install $locked: $(grep -v -i '^warning\|^$' "$log" | tail -n 1); is the package index reachable? pip's output: $log"
  echo "$here" >"$env/.made-in"
  cp "$locked" "$env/.locked"
}

# make_dev_env: creates the development environment and puts its commands first on the PATH. The caller
# then runs Python itself, because nox replaces every exit code by 1.
make_dev_env() {
  make_env nox
  .venv/nox/bin/python -m nox -s dev >&2
  PATH=$PWD/.nox/dev/bin:$PATH
  export PATH
}
