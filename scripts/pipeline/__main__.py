"""`python -m scripts.pipeline`: build, check and update what is generated.

generate   write generated/ and docs/evidence.md from openapi/
check      compare them with what openapi/ gives; exit 1 where they differ
update     take published pages into openapi/vendored/, generate, and report what changed
"""

import sys

if __name__ == "__main__":
    try:
        from scripts.pipeline.command import run  # imports take long enough to be interrupted

        sys.exit(run())
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
