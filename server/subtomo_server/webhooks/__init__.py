"""Telling the end of jobs to addresses which their users named."""
