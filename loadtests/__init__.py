"""What the servers bear: who asks, how often, and what is enough. It knows them only over HTTP."""
