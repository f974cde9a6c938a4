"""How the tables came to be what they are; `gateway.store.migrate` runs these at every start."""
