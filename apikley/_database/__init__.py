"""SQL databases that several processes share: the inbox and the ledger."""
