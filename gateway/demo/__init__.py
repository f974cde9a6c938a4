"""A unit that breaks slowly in front of you: a caller of the system like any other."""
