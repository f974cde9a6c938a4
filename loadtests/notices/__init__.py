"""How many are told, how soon where a channel is dead, and how often twice: of notices, on real processes."""
