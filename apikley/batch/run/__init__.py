"""Works on the rows of a batch: creates, waits, saves."""
