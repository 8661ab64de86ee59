"""`python -m scripts.pipeline.npm`: install the two Node tools of the lockfile, unless they are there."""

import sys

from scripts.pipeline import node
from scripts.pipeline.issues import SpecError

try:
    node.install()
except SpecError as error:
    sys.exit(str(error))
