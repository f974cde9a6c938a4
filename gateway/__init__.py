"""HTTP for other systems: checks, forwards, remembers. It knows no model."""
