"""What a run file says, for people: a page, Markdown, and whether two runs differ: ``python -m loadtests.report``."""

from loadtests.report.difference import compare
from loadtests.report.page import render

__all__ = ["compare", "render"]
