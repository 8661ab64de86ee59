"""Many paid jobs from a table, without a second payment."""
