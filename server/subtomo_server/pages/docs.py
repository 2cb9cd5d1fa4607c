"""The API's documentation as a page of our own: no script, no foreign host."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request, Response

from subtomo_server.pages.rendering import render
from subtomo_server.routes.openapi import TAGS

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs(request: Request) -> Response:
    """List every call of the API with its parameters and examples."""
    document = request.app.openapi()
    calls: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            call = _call(path, method, operation)
            calls.setdefault(operation.get("tags", ["service"])[0], []).append(call)
    groups = [(tag, calls.get(tag["name"], [])) for tag in TAGS]
    return render(request, "docs.html", groups=groups, title=document["info"]["title"])


def _call(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {})
    examples = content.get("application/json", {}).get("examples", {})
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", "").replace("``", ""),
        "parameters": operation.get("parameters", []),
        "examples": [
            (name, json.dumps(example["value"], indent=2, ensure_ascii=False))
            for name, example in examples.items()
        ],
        "public": not operation.get("security"),
    }
