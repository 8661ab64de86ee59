"""Batches: tables, the ledger, runs."""
