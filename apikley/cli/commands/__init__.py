"""The commands of `apikley`."""
