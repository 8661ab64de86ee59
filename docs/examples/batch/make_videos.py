"""Make a video for each row of a table: python make_videos.py products.csv videos."""

import argparse
import sys
from pathlib import Path

from apikley import ConfigurationError, RequestInvalid
from apikley.batch import Batch, Status


def show(status: Status) -> None:
    """Print how far the batch is."""
    counts = ", ".join(f"{count} {state}" for state, count in status.rows.items())
    print(f"{counts}; {status.spent:g} credits spent")


def main() -> str | None:
    """Run the script; returns the error message, if any."""
    parser = argparse.ArgumentParser(description="Make a video for each row of a table.")
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--price", type=float, default=1.0, help="the price of one video in credits")
    parser.add_argument("--max-credits", type=float, default=100.0, help="a cap that is never exceeded")
    options = parser.parse_args()
    try:
        with Batch("products", out=options.out, price=options.price, max_credits=options.max_credits) as batch:
            batch.add_table(options.table)
            status = batch.run(on_progress=show)
            for row in batch.results(["failed", "refused", "unknown"]):
                print(f"{row['id']} is {row['state']}: {row['error']}")
    except RequestInvalid as error:
        return "\n".join(["nothing was sent:", *map(str, error.violations)])
    except ConfigurationError as error:
        return str(error)
    except KeyboardInterrupt:
        return "stopped; run the same command again to go on"
    show(status)
    return status.paused


if __name__ == "__main__":
    sys.exit(main())
