"""Telling the end of jobs to addresses that their users named."""
