"""How fast months are ordered, made, and made by two workers instead of one."""
