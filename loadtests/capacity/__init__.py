"""The highest rate that keeps a p99, with what is known of it: ``python -m loadtests.capacity SUITE --p99-ms 150``."""
