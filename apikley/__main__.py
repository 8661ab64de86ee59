"""`python -m apikley` runs the command line."""

import sys

from apikley.cli import main

if __name__ == "__main__":
    sys.exit(main())
