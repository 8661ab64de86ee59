"""`python -m scripts.demo_run`: the main job from end to end, on the page's own example request.

Starts the simulator on a free port, creates a task, receives and verifies the callback, waits,
downloads the video, and prints when each of these happened.
"""

import sys

from scripts.pipeline.interrupted import main

if __name__ == "__main__":
    sys.exit(main("scripts.demo_job"))
