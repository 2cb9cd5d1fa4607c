"""Power cuts: the whole service killed at random moments of a job, again and again.

    python benchmarks/power_cuts.py --kills 20 --seed 1

Runs a small job undisturbed, then the same one while every process of ``subtomo serve`` gets
SIGKILL at random moments and is started again. Prints how it ended, and whether the results are
the same bits.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
from services import WEDGE, write_stack

PARTICLES, BOX = 48, 32
SPEC = {
    "algorithm": "faml",
    "classes": 2,
    "iterations": 4,
    "seed": 3,
    "starts": 1,
    "batch_particles": 16,
}


class House:
    """The embedded service in a folder, on one port for all of its lives."""

    def __init__(self, data: Path):
        self.data = data
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Start it."""
        command = [sys.executable, "-m", "subtomo_server", "--data", str(self.data)]
        with (self.data / "serve.out").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)], stdout=log, stderr=log, start_new_session=True
            )

    def cut(self) -> None:
        """Kill every process of it at once, the server last started first."""
        server = psutil.Process(self.process.pid)
        for process in (server, *server.children(recursive=True), *self._brokers()):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _brokers(self) -> list[psutil.Process]:
        """Brokers of this folder which an earlier life left."""
        place = str(self.data / "broker.sock")
        found = psutil.process_iter(["cmdline"])
        return [process for process in found if place in " ".join(process.info["cmdline"] or ())]

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request, as often as it takes to be answered."""
        while True:
            with suppress(httpx.TransportError, OSError, ValueError):
                token = json.loads((self.data / "connection.json").read_text())["token"]
                return httpx.request(
                    method,
                    f"http://127.0.0.1:{self.port}/api/v1{path}",
                    headers={"authorization": f"Bearer {token}"},
                    timeout=60,
                    trust_env=False,
                    **more,
                )
            time.sleep(0.1)

    def wait_until_ready(self) -> None:
        """Wait for its worker: before, a cut finds nothing to break."""
        while self.ask("GET", "/health/ready").status_code != httpx.codes.OK:
            time.sleep(0.1)

    def job(self, job: str) -> dict[str, Any]:
        """One job's document."""
        return dict(self.ask("GET", f"/jobs/{job}").raise_for_status().json())

    def dataset(self) -> str:
        """Upload noise with a blob in it."""
        made = str(
            self.ask("POST", "/datasets", json={"name": "load", "missing": WEDGE}).json()["id"]
        )
        path = self.data / "upload.mrcs"
        write_stack(path, PARTICLES, BOX)
        content = path.read_bytes()
        self.ask("PUT", f"/datasets/{made}/files/particles.mrcs", content=content)
        while self.ask("POST", f"/datasets/{made}/seal").json()["status"] == "checking":
            time.sleep(0.2)
        return made

    def post(self, dataset: str) -> str:
        """Post the job."""
        answer = self.ask("POST", "/jobs", json={"dataset": dataset, **SPEC}).raise_for_status()
        return str(answer.json()["id"])

    def bits(self, job: str) -> str:
        """Digest of everything which the job published, but for times."""
        last = self.data / "jobs" / job / "iteration_004"
        names = [*sorted(path.name for path in last.glob("*.mrc")), "particles.star"]
        whole = b"".join((last / name).read_bytes() for name in names)
        return hashlib.sha256(whole.replace(job.encode(), b"JOB")).hexdigest()[:16]


def settled(house: House, job: str) -> dict[str, Any]:
    """Wait for the end of a job."""
    while (found := house.job(job))["finished"] is None:
        time.sleep(0.3)
    return found


def main() -> None:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=8.0, help="seconds from ready to cut")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="subtomo-cuts-") as folder:
        house = House(Path(folder))
        try:
            dataset = house.dataset()
            clock = time.monotonic()
            calm = settled(house, undisturbed := house.post(dataset))
            print(f"undisturbed: {calm['status']} in {time.monotonic() - clock:.0f} s")
            job, cuts = house.post(dataset), 0
            while cuts < given.kills:
                house.wait_until_ready()
                time.sleep(draw.uniform(0.0, given.longest))
                house.cut()
                cuts += 1
                house.start()
                if (found := house.job(job))["finished"] is not None:
                    break
                print(
                    f"cut {cuts}: {found['status']}, {found['progress']['fraction']:.0%}",
                    flush=True,
                )
            end = settled(house, job)
            print(f"after {cuts} cuts: {end['status']} ({end['status_reason']})")
            if end["status"] == "succeeded":
                print(f"the same bits: {house.bits(job) == house.bits(undisturbed)}")
        finally:
            house.cut()


if __name__ == "__main__":
    main()
