"""Users, groups, tokens, and what each may do and take."""
