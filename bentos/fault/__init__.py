"""Faults of air-handling units, seen before they matter."""
