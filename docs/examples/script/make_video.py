"""Make a video from a picture: python make_video.py cat.png "A cat surfs" clip.mp4."""

import argparse
import sys
from pathlib import Path

from apikley import (
    Apikley,
    ApikleyError,
    CreateOutcomeUnknown,
    GenerationFailed,
    Hailuo02ImageToVideoPro,
    LocalFile,
    RequestInvalid,
    WaitTimeout,
)


def make_video(api: Apikley, picture: Path, prompt: str, video: Path) -> None:
    """Create a task, wait for it and save its result."""
    task = api.create(Hailuo02ImageToVideoPro(prompt=prompt, image_url=LocalFile(picture)))
    print(f"{task.id}: created")  # paid from here on; the id finds the task again
    task.wait(timeout=900, on_progress=lambda task: print(f"{task.id}: {task.state}"))
    task.download(video)
    print(f"{video}: {video.stat().st_size:,} bytes, {task.credits} credits")


def main() -> str | None:
    """Run the script; returns the error message, if any."""
    parser = argparse.ArgumentParser(description="Make a video from a picture.")
    parser.add_argument("picture", type=Path)
    parser.add_argument("prompt")
    parser.add_argument("video", type=Path)
    options = parser.parse_args()
    try:
        with Apikley() as api:  # reads APIKLEY_API_KEY and APIKLEY_BASE_URL
            make_video(api, options.picture, options.prompt, options.video)
    except RequestInvalid as error:
        return f"nothing was sent: {error}"
    except CreateOutcomeUnknown as error:
        return f"a task may exist and be paid, so do not start again before you have looked: {error}"
    except GenerationFailed as error:
        return f"the generation failed: {error.task.fail_message}"
    except WaitTimeout as error:
        return f"{error.task_id} goes on; wait for it again with api.wait({error.task_id!r})"
    except (ApikleyError, OSError) as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())
