"""What happened, and matching for assertions."""
