"""Tests of the project: wheel, README, workflows, commands."""
