"""The ledger: what each row of a batch intended, sent, paid and received."""

LEDGER = "batch.db"  # its file in the output folder
