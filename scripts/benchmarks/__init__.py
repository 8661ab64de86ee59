"""What `scripts/bench` measures: one module for each subject, each with `run() -> list[Row]`."""
