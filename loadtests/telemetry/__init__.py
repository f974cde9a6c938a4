"""How many readings a gateway takes in a second."""
