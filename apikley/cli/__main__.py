"""`python -m apikley.cli`."""

import sys

from apikley.cli import main

sys.exit(main())
