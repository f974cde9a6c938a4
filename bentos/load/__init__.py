"""Electric load: a month of daily forecasts and its peak days."""
