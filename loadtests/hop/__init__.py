"""What the hop through the gateway costs, and nginx in front: gateway minus direct, gateway over direct."""
