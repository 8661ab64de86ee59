"""The measurements of `scripts/bench`: one module per subject, each with `run() -> list[Row]`."""
