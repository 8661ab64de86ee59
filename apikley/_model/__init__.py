"""Tasks, field reading, request validation and local files."""
