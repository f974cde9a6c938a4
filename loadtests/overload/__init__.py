"""What our server does when more is asked than it can answer: ``python -m loadtests.overload``."""
