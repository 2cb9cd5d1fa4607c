"""``subtomo serve`` as a process of its own, and a job on it by plain HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from subtomo_core.simulate import asymmetric_blob, particle_names, simulate
from subtomo_core.spec.missing_region import Wedge
from subtomo_store.formats.mrc import write_volume
from support.services import environment, wait_until
from support.serving import client_of

BOX, VOXEL, COUNT = 16, 10.0, 12


@dataclass
class Embedded:
    """The embedded service in a data folder."""

    data: Path
    process: subprocess.Popen[bytes] | None = None
    worker_wanted: bool = True
    settings: dict[str, str] = field(default_factory=dict)

    def start(self, port: int = 0) -> Embedded:
        """Start it and wait until it is ready for jobs, or to answer where it has no worker."""
        (self.data / "connection.json").unlink(missing_ok=True)
        self.data.mkdir(exist_ok=True)
        none = [] if self.worker_wanted else ["--no-worker"]
        with (self.data / "serve.out").open("ab") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "subtomo_server",
                    "--data",
                    str(self.data),
                    "--port",
                    str(port),
                    *none,
                ],
                env=environment(**self.settings),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        wait_until(self.ready, "the service is ready", 90)
        return self

    def ready(self) -> bool:
        """Whether it says so itself."""
        assert self.process is not None
        assert self.process.poll() is None, (self.data / "serve.out").read_text()
        try:
            with self.client() as client:
                health = "ready" if self.worker_wanted else "live"
                return client.get(f"/health/{health}").status_code == 200
        except (OSError, httpx.TransportError, ValueError):
            return False

    def client(self) -> httpx.Client:
        """A client by the note in the data folder."""
        return client_of(*self.note)

    @property
    def note(self) -> tuple[str, str]:
        """Address and token, as the note in the data folder tells them."""
        note = json.loads((self.data / "connection.json").read_text())
        return str(note["url"]), str(note["token"])

    @property
    def worker(self) -> int:
        """Process id of the worker."""
        assert self.process is not None
        children = psutil.Process(self.process.pid).children()
        (found,) = [child.pid for child in children if "subtomo_worker" in child.cmdline()]
        return int(found)

    @property
    def broker(self) -> int:
        """Process id of the broker, wherever it was started: a new server takes over a live one."""
        socket = str(self.data / "broker.sock")
        (found,) = [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if socket in " ".join(process.info["cmdline"] or ())
        ]
        return int(found)

    def kill(self) -> None:
        """End the server as a power cut would; the worker and the broker are not asked."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def kill(pid: int) -> None:
    """End a process as a power cut would, and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid), f"process {pid} is gone")


def alive(pid: int) -> bool:
    """Whether a process lives (a zombie does not)."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def push(client: httpx.Client, folder: Path) -> str:
    """Upload a dozen tiny particles as a lab script would; the id of the ready dataset."""
    made = simulate(
        [asymmetric_blob()],
        [COUNT],
        BOX,
        VOXEL,
        snr=0.5,
        missing=Wedge(tilt_min_deg=-60, tilt_max_deg=60),
        seed=1,
    )
    region = {"kind": "wedge", "tilt_min_deg": -60, "tilt_max_deg": 60}
    answer = client.post("/datasets", json={"name": "tiny", "missing": region})
    dataset = str(answer.json()["id"])
    for index, name in enumerate(particle_names(COUNT)):
        path = folder / f"{index}.mrc"
        write_volume(path, made.particles.volume(index), VOXEL)
        with path.open("rb") as content:
            client.put(f"/datasets/{dataset}/files/{name}", content=content).raise_for_status()
    sealed = client.post(f"/datasets/{dataset}/seal", headers={"prefer": "wait=60"}).json()
    assert sealed["status"] == "ready", sealed
    return dataset


def job_spec(dataset: str) -> dict[str, Any]:
    """A small job of several iterations and batches."""
    return {
        "name": "tiny",
        "dataset": dataset,
        "algorithm": "faml",
        "classes": 2,
        "iterations": 3,
        "seed": 3,
        "batch_particles": 3,
        "parameters": {"candidates": 10, "voronoi_points": 1000},
    }


def follow(client: httpx.Client, job: str, until: str = "") -> list[dict[str, Any]]:
    """Events of a job over SSE until the stream ends, or until one of the kind ``until``."""
    told: list[dict[str, Any]] = []
    with client.stream("GET", f"/jobs/{job}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line.removeprefix("data: ")))
                if told[-1]["kind"] == until:
                    break
    return told
