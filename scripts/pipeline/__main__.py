"""`python -m scripts.pipeline`: build, check and update the generated files.

generate   write generated/ and docs/evidence.md from openapi/
check      compare them with a fresh build; exit 1 if they differ
update     import published pages into openapi/vendored/, generate, and report what changed
"""

import sys

if __name__ == "__main__":
    try:
        from scripts.pipeline.command import run  # imports are slow enough to be interrupted

        sys.exit(run())
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
