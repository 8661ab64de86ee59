"""Tasks, accounts, files, the clock and the callbacks to send. No HTTP server."""
