"""What goes, what is left over, and the service in numbers."""
