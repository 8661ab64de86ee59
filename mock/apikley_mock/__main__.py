"""`python -m apikley_mock`."""

import sys

from apikley_mock.cli import main

sys.exit(main())
