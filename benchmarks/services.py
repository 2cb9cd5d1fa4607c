"""A service for benchmarks: ``subtomo serve`` in a folder of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import mrcfile
import numpy as np
import psutil

VOXEL = 10.0
WEDGE = {"kind": "wedge", "tilt_min_deg": -60, "tilt_max_deg": 60}


class Service:
    """A running service."""

    def __init__(self, data: Path, *arguments: str):
        log = (data / "serve.out").open("wb")
        command = [sys.executable, "-m", "subtomo_server", "--data", str(data), "--port", "0"]
        self.process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log)
        note = data / "connection.json"
        while not note.exists():
            time.sleep(0.1)
        found = json.loads(note.read_text())
        self.url, self.token, self.data = found["url"], found["token"], data
        self.client = httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"authorization": f"Bearer {self.token}"},
            trust_env=False,
            timeout=600,
        )
        while not self.answers("--no-worker" in arguments):
            time.sleep(0.2)

    def answers(self, without_worker: bool) -> bool:
        """Whether it takes jobs."""
        try:
            checks = self.client.get("/health/ready").json()["checks"]
        except httpx.TransportError:
            return False
        return all(check["ok"] for name, check in checks.items() if name != "worker") and (
            without_worker or checks["worker"]["ok"]
        )

    def memory(self) -> float:
        """MiB of the server process."""
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def dataset(self, particles: int, box: int) -> str:
        """Upload one stack of noise with a blob in it, and seal it."""
        made = self.client.post("/datasets", json={"name": "load", "missing": WEDGE}).json()["id"]
        path = self.data / "upload.mrcs"
        write_stack(path, particles, box)
        address = f"/datasets/{made}/files/particles.mrcs"
        with path.open("rb") as content:
            self.client.put(address, content=content).raise_for_status()
        path.unlink()
        while True:
            wait = {"prefer": "wait=60"}
            sealed = self.client.post(f"/datasets/{made}/seal", headers=wait).json()
            if sealed["status"] != "checking":
                assert sealed["status"] == "ready", sealed
                return str(made)

    def post(self, dataset: str, **changes: Any) -> str:
        """Post a small job."""
        spec = {"dataset": dataset, "algorithm": "faml", "iterations": 2, "starts": 1} | changes
        return str(self.client.post("/jobs", json=spec).raise_for_status().json()["id"])

    def job(self, job: str) -> dict[str, Any]:
        """One job's document."""
        return dict(self.client.get(f"/jobs/{job}").raise_for_status().json())


def write_stack(path: Path, particles: int, box: int) -> None:
    """Write particles in pieces: memory does not grow with their number."""
    grid = np.indices((box,) * 3) - box // 2
    blob = np.exp(-((grid[0] / 2.0) ** 2 + (grid[1] / 3.5) ** 2 + ((grid[2] - 1) / 5.0) ** 2) / 2)
    draw = np.random.default_rng(0)
    shape = (particles, box, box, box)
    with mrcfile.new_mmap(path, shape=shape, mrc_mode=2, overwrite=True) as file:
        file.voxel_size = VOXEL
        for first in range(0, particles, 1000):
            last = min(first + 1000, particles)
            noise = draw.normal(size=(last - first, box, box, box))
            file.data[first:last] = (blob + noise).astype(np.float32)


@contextmanager
def service(*arguments: str) -> Iterator[Service]:
    """Run a service within the block."""
    with tempfile.TemporaryDirectory(prefix="subtomo-load-") as folder:
        running = Service(Path(folder), *arguments)
        try:
            yield running
        finally:
            running.client.close()
            running.process.send_signal(signal.SIGINT)
            running.process.wait(60)
