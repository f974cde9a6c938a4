"""The machinery of serving that is the same for every model."""
