"""Readings of units: taken in by one hall behind several doors, judged, and kept once."""
