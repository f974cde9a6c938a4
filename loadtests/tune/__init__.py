"""The batcher's settings with the highest capacity on this machine: ``python -m loadtests.tune SUITE --p99-ms 150``."""
