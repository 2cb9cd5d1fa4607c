"""The demo: the whole way of a job, as a lab script walks it."""

from subtomo_server.demo.command import demo

__all__ = ["demo"]
