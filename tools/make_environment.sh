#!/bin/sh
# Makes a Python environment with tfgen in it:  make_environment.sh DIRECTORY PYTHON...
# The first PYTHON that runs and has a version tfgen works with is taken.
set -eu

directory=$1
shift

works() {
    "$1" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))' >/dev/null 2>&1
}

python=
found=
for candidate in "$@"; do
    if works "$candidate"; then
        python=$candidate
        break
    fi
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    found="${found:-only}${found:+,} $candidate, which is Python $version"
done

if [ -z "$python" ]; then
    echo "tfgen needs Python 3.11 (3.9 and 3.10 work too) but found ${found:-none of: $*}; install Python 3.11, or name one with 'make setup PYTHON=/path/to/python3.11'." >&2
    exit 1
fi

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    echo "Python $version ($python) comes without its venv module: install it (on Debian and Ubuntu: sudo apt install python$version-venv) and run 'make setup' again." >&2
    exit 1
fi

# An environment of the right kind is kept, so that an interrupted setup goes on where it was.
if ! works "$directory/bin/python" || ! "$directory/bin/python" -m pip --version >/dev/null 2>&1; then
    echo "Making $directory with $python (Python $version)."
    "$python" -m venv --clear "$directory"
fi

version=$("$directory/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
pip="$directory/bin/python -m pip --disable-pip-version-check"
echo "Installing the packages (about 2 GB on disk; the first time takes some minutes)."
# Python's bytecode is made by all cores afterwards, where pip makes it on one.
if [ "$version" = 3.11 ]; then
    $pip install --no-compile -r requirements.lock
    $pip install --quiet --no-compile --no-deps --no-build-isolation -e .
else
    # The pip of these Pythons can search for hours for the versions that the newest one finds.
    $pip install --quiet --upgrade pip
    $pip install --no-compile -e '.[dev]'
fi
# Some packages carry files for other versions of Python, which cannot be compiled; nobody runs them,
# nor the tests of packages, a sixth of all.
"$directory/bin/python" -m compileall -q -j 0 -x 'site-packages/.*/tests?/' "$directory/lib" \
    >/dev/null 2>&1 || true
