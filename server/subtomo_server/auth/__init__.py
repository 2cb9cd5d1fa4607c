"""Who sends a request, and what a person changes of the own account."""
