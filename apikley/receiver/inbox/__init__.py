"""The inbox: an SQL store of events."""
