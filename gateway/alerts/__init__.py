"""What is wrong now: a stored state with timers, and what people did about it."""
