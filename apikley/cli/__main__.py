"""`python -m apikley.cli`."""

import sys

from apikley.cli import main

if __name__ == "__main__":
    sys.exit(main())
