"""Messages, processes that are killed, and what is in the database in the end."""
