"""Receives callbacks, keeps them in PostgreSQL and saves each video. Run it with `uvicorn receiver:receiver`."""

import logging
import os
from pathlib import Path

from apikley import Apikley
from apikley.receiver import Event, Receiver

logging.basicConfig(level=logging.INFO)
receiver = Receiver(os.environ["APIKLEY_WEBHOOK_KEY"], inbox=os.environ["INBOX"], client=Apikley())


@receiver.on_success
def save(event: Event) -> None:
    """Save the video under the task's id."""
    video = event.download(Path(os.environ["VIDEOS"], f"{event.task_id}.mp4"))
    logging.info("saved %s", video)


@receiver.on_failure
def report(event: Event) -> None:
    """Log why the generation failed."""
    logging.warning("%s failed: %s", event.task_id, event.task.fail_message)
