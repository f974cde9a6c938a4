"""A seeded fault laboratory on EnergyPlus: air-handling units, what breaks in them, and what their sensors say."""
