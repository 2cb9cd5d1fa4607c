"""What the OpenAPI document says beyond the routes themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from subtomo_server.auth.authentication import is_public

TAGS: list[dict[str, Any]] = [
    {"name": "datasets", "description": "Particles: upload them, have them checked."},
    {"name": "uploads", "description": "Big files, by tus 1.0: they go on where they broke off."},
    {"name": "maps", "description": "Density maps for use as starting references."},
    {"name": "jobs", "description": "Alignment, classification and averaging."},
    {"name": "results", "description": "Averages, curves, poses, pictures."},
    {"name": "people", "description": "Your account, tokens and groups; users, to administrators."},
    {"name": "service", "description": "What this service is, and whether it is well."},
]
BEARER = {"type": "http", "scheme": "bearer", "description": "The token of your user."}
FAULT = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {"type": "string", "description": "One sentence: what is wrong, the remedy."},
        "pointer": {"type": "string", "description": "JSON pointer into the body."},
        "file": {"type": "string"},
        "row": {"type": "integer", "description": "Row of the table, counted from 1."},
        "column": {"type": "string"},
    },
}
PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457; `type` is stable and may be compared.",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:subtomo:problem:invalid-input"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": FAULT},
    },
}


def with_sign_in(app: FastAPI) -> None:
    """Make the document say which routes need a token, and what an error looks like."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        document: dict[str, Any] = plain()
        components = document.setdefault("components", {})
        components["securitySchemes"] = {"token": BEARER}
        components.setdefault("schemas", {})["Problem"] = PROBLEM
        for path, methods in document["paths"].items():
            for operation in methods.values():
                _describe(path, operation)
        app.openapi_schema = document
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _describe(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    reference = {"$ref": "#/components/schemas/Problem"}
    responses["4XX"] = {
        "description": "A problem of the request, in words.",
        "content": {"application/problem+json": {"schema": reference}},
    }
    if not is_public(path):
        operation["security"] = [{"token": []}]
