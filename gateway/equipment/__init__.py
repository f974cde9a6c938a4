"""Units, their points, and what feeds what."""
