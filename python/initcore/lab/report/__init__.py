"""The page that shows a comparison: plots in SVG, one HTML file."""

from initcore.lab.report.html import GENERATOR, page

__all__ = ["GENERATOR", "page"]
