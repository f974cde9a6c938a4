"""From data sets to artifacts."""
