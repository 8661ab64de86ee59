"""`python -m scripts.pipeline`: build, check and update what is generated.

generate   write generated/ from openapi/
check      compare generated/ with what openapi/ gives; exit 1 where they differ
update     take published pages into openapi/vendored/, generate, and report what changed
"""

import sys

from scripts.pipeline.interrupted import main

if __name__ == "__main__":
    sys.exit(main("scripts.pipeline.command"))
