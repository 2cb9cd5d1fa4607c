"""Subtomo's client: what a lab script imports."""

from subtomo.client import Client
from subtomo.comparing import Changes, Comparison
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
from subtomo.people import Group, Me, Member, Token, User
from subtomo.postprocessing import DirectionalFsc, Guinier, LocalResolution
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
from subtomo.version import installed

__version__ = installed()

__all__ = [
    "Changes",
    "ChecksumMismatch",
    "Client",
    "Comparison",
    "Conflict",
    "ConnectionFailed",
    "Dataset",
    "DirectionalFsc",
    "Estimate",
    "Event",
    "Fault",
    "Group",
    "Guinier",
    "HTTPProblem",
    "InvalidInput",
    "Iteration",
    "Job",
    "JobFailed",
    "LocalResolution",
    "Map",
    "Me",
    "Member",
    "NotFound",
    "NotSignedIn",
    "Progress",
    "Rejected",
    "StoredFile",
    "SubtomoError",
    "Token",
    "Usage",
    "User",
    "__version__",
]
