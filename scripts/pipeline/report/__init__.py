"""Reports what changed between two generations of the contract and its client, and what that breaks."""

from scripts.pipeline.report.report import Report, compare

__all__ = ["Report", "compare"]
