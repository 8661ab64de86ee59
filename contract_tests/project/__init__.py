"""Tests of the project: wheel, documentation, workflows, commands."""
