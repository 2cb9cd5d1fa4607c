"""What routes and pages ask for, and answers that wait."""
