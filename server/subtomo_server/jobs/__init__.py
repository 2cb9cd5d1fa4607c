"""Jobs from request to record, and their documents."""
