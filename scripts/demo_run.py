"""`python -m scripts.demo_run`: the main job from end to end, on the page's own example request.

Starts the simulator on a free port, creates a task, receives and verifies the callback, waits,
downloads the video, and prints when each of these happened.
"""

import sys

if __name__ == "__main__":
    try:
        from scripts.demo_job import run  # imports take long enough to be interrupted

        sys.exit(run())
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
