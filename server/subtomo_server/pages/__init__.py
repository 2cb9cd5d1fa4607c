"""Pages for a person in a browser: rendered here, brought up to date by one small script."""
