"""Subtomo's client: what a lab script imports."""

from subtomo.client import Client
from subtomo.errors import (
    ChecksumMismatch,
    Conflict,
    ConnectionFailed,
    Fault,
    HTTPProblem,
    InvalidInput,
    JobFailed,
    NotFound,
    NotSignedIn,
    Rejected,
    SubtomoError,
)
from subtomo.records import (
    Dataset,
    Estimate,
    Event,
    Iteration,
    Job,
    Map,
    Progress,
    StoredFile,
    Usage,
)

__all__ = [
    "ChecksumMismatch",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Dataset",
    "Estimate",
    "Event",
    "Fault",
    "HTTPProblem",
    "InvalidInput",
    "Iteration",
    "Job",
    "JobFailed",
    "Map",
    "NotFound",
    "NotSignedIn",
    "Progress",
    "Rejected",
    "StoredFile",
    "SubtomoError",
    "Usage",
]
