"""From a request for a job to its record, and jobs as they are told."""
