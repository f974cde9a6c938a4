"""How a notice leaves the house: one file for each way, and an outbox that loses none."""
