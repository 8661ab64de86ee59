"""The ledger: what each row of a batch intended, sent, paid and received."""
