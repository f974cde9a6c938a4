"""The same model behind every comparable server, driven alike: ``python -m loadtests.peers``."""
