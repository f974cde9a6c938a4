"""What is left of accepted work when gateways and workers are killed at random."""
