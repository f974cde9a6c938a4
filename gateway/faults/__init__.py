"""Predictions for units: at their intervals, from what was known then, and kept."""
