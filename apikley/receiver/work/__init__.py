"""Workers, event processing and overdue polling."""
