"""The project's commands and what they use. Product code never imports this package."""
