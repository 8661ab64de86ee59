"""Tools of the project; nothing imports this package."""
