"""`python -m scripts.npm`: install the two Node tools of the lockfile, unless they are there."""

import sys

from scripts.spec import node
from scripts.spec.problems import SpecError

try:
    node.install()
except SpecError as error:
    sys.exit(str(error))
