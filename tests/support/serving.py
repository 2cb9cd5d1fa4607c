"""The HTTP server in this process, on a free port, with a real database, broker and disk."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx
import numpy as np
import uvicorn

from subtomo_server.app import create_app
from subtomo_server.auth.accounts import issue_token
from subtomo_server.embedded.address import bind, url_of
from subtomo_store import Settings, Store, open_store
from subtomo_store.formats.mrc import write_volume
from support.services import environment, wait_until


@dataclass
class Served:
    """A running server, its store, and a client which is signed in."""

    url: str
    token: str
    store: Store
    client: httpx.Client

    @property
    def stranger(self) -> httpx.Client:
        """A client without a token."""
        return httpx.Client(base_url=self.url, trust_env=False, timeout=30)

    def another_user(self) -> httpx.Client:
        """A client of somebody else."""
        token = issue_token(self.store, "somebody else", label="test")
        return client_of(self.url, token)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the ``subtomo`` command against it."""
        return subprocess.run(
            [sys.executable, "-m", "subtomo", *arguments],
            env=environment(SUBTOMO_URL=self.url, SUBTOMO_TOKEN=self.token),
            capture_output=True,
            text=True,
            check=False,
        )


def client_of(url: str, token: str) -> httpx.Client:
    """A client with a bearer token, for addresses below ``/api/v1``."""
    return httpx.Client(
        base_url=f"{url}/api/v1",
        headers={"authorization": f"Bearer {token}"},
        trust_env=False,
        timeout=90,
    )


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
    """Run the server within the block."""
    stopping = Event()
    listening = bind("127.0.0.1", 0)
    url = url_of("127.0.0.1", listening.getsockname()[1])
    config = uvicorn.Config(
        create_app(settings, stopping), log_config=None, timeout_graceful_shutdown=2, lifespan="on"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    store = open_store(settings)
    try:
        wait_until(lambda: server.started, "the server listens")
        token = issue_token(store, "tester", label="test")
        with client_of(url, token) as client:
            yield Served(url, token, store, client)
    finally:
        stopping.set()
        server.should_exit = True
        thread.join(30)
        listening.close()
        store.close()
        assert not thread.is_alive()


def volume_bytes(folder: Path, seed: int = 0, box: int = 16, voxel_size: float = 6.0) -> bytes:
    """One small MRC volume."""
    volume = np.random.default_rng(seed).normal(size=(box,) * 3).astype(np.float32)
    path = folder / f"volume_{seed}.mrc"
    write_volume(path, volume, voxel_size)
    return path.read_bytes()


WEDGE = {"kind": "wedge", "tilt_min_deg": -60, "tilt_max_deg": 60}


def ready_dataset(client: httpx.Client, folder: Path, count: int = 4, box: int = 16) -> str:
    """Upload and seal a small dataset; its id."""
    made = client.post("/datasets", json={"name": "small", "missing": WEDGE}).json()
    for index in range(count):
        content = volume_bytes(folder, index, box)
        client.put(f"/datasets/{made['id']}/files/p{index}.mrc", content=content).raise_for_status()
    answer = client.post(f"/datasets/{made['id']}/seal", headers={"prefer": "wait=30"}).json()
    assert answer["status"] == "ready", answer
    return str(made["id"])


def small_spec(dataset: str, /, **changes: object) -> dict[str, object]:
    """The least specification of a job."""
    return {"dataset": dataset, "algorithm": "faml", "iterations": 2} | changes
