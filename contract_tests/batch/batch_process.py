"""`python -m contract_tests.batch.batch_process SETTINGS`: one worker of a batch, on a clock that runs faster.

SETTINGS is a JSON object: `url`, `database`, `out`, `speed`, `rows`, `max_credits`, and `callback_url` or null.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from apikley._flows.clock import Clock
from apikley.batch import Batch
from apikley.batch.run import dispatch
from contract_tests.batch.clocks import ScaledClock

NAME, MODEL, PRICE = "measured", "hailuo/02-image-to-video-pro", 1.0


def open_batch(settings: dict[str, Any], clock: Clock) -> Batch:
    """Return the batch that is measured."""
    names = ("database", "out", "max_credits", "callback_url")
    options = {name: settings[name] for name in names if settings.get(name) is not None}
    return Batch(
        NAME, price=PRICE, stop_after=1_000, api_key="mock-key", base_url=settings["url"], clock=clock, **options
    )


def table(rows: int) -> list[dict[str, Any]]:
    """Return the rows of the batch. The prompt of each is its id."""
    image = "https://files.example.com/a.png"
    return [
        {"id": f"row-{number}", "model": MODEL, "prompt": f"row-{number}", "image_url": image} for number in range(rows)
    ]


def main(settings: dict[str, Any]) -> None:
    """Work on the batch until it is done."""
    # The queue's heartbeats are in real seconds.
    dispatch.HEARTBEAT = dispatch.HEARTBEAT / settings["speed"]
    logging.basicConfig(level=logging.WARNING)
    with open_batch(settings, ScaledClock(settings["speed"])) as batch:
        if settings["rows"]:  # none: the batch has its rows already
            batch.add(table(settings["rows"]))
        batch.run()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
