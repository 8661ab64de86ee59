"""`python -m scripts.mutation [WORDS]`: plant faults, all or those that contain a word, and print what caught them."""

from __future__ import annotations

import sys

from scripts.mutation.plant import load_faults
from scripts.mutation.run import run

TABLE = "scripts.mutation.faults"


def main(words: list[str]) -> int:
    """Print one line for each fault; returns 0 if all are caught."""
    faults = [
        fault
        for fault in load_faults(TABLE)
        if not words or any(word.lower() in f"{fault.name} {fault.target}".lower() for word in words)
    ]
    if not faults:
        print(f"no fault contains {' or '.join(words)}; leave the words out to plant all", file=sys.stderr)
        return 2
    width = max(len(fault.name) for fault in faults)
    caught = 0
    for result in run(faults, TABLE):
        caught += result.outcome == "caught"
        print(f"{result.outcome:<10} {result.fault.name:<{width}}  {result.detail}", flush=True)
    print(f"{caught} of {len(faults)} faults caught")
    return 0 if caught == len(faults) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
