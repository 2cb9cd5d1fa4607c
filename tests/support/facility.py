"""The facility of docker-compose.yml as plain processes: the same settings, nothing simulated."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from subtomo_server.auth.accounts import issue_token
from subtomo_server.embedded.address import bind
from subtomo_store import Settings, Store, open_store
from support import compose
from support.services import (
    Postgres,
    RedisServer,
    WorkerProcess,
    environment,
    fresh_database,
    own_postgres,
    wait_until,
)
from support.serving import client_of

SCALED = {
    "SUBTOMO_LEASE_SECONDS": "3",
    "SUBTOMO_REPORT_SECONDS": "0.3",
    "SUBTOMO_SWEEP_SECONDS": "0.5",
    "SUBTOMO_RESEND_SECONDS": "1",
    "SUBTOMO_THREADS": "1",
}


@dataclass
class ServerProcess:
    """One server of a facility."""

    port: int
    variables: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> ServerProcess:
        """Start it; `Facility.wait_for` waits until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "subtomo_server"],
                env=environment(**self.variables),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def live(self) -> bool:
        """Whether it answers."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        try:
            return httpx.get(f"{self.url}/api/v1/health/live", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


def _answers(client: httpx.Client, address: str) -> bool:
    return client.get(address).status_code == 200


@dataclass
class Facility:
    """PostgreSQL, Redis, servers and workers."""

    folder: Path
    postgres: Postgres
    redis: RedisServer
    variables: dict[str, str]
    store: Store
    servers: list[ServerProcess] = field(default_factory=list)
    workers: list[WorkerProcess] = field(default_factory=list)

    def add_server(self) -> ServerProcess:
        """Start a server as the composition does, on a port of its own."""
        with bind("127.0.0.1", 0) as taken:
            port = int(taken.getsockname()[1])
        given = compose.environment_of("server") | self.variables
        given |= {"SUBTOMO_HOST": "127.0.0.1", "SUBTOMO_PORT": str(port)}
        log = self.folder / f"server_{len(self.servers)}.log"
        self.servers.append(ServerProcess(port, given, log).start())
        return self.servers[-1]

    def add_worker(self, *arguments: str) -> WorkerProcess:
        """Start a worker as the composition does, or another program in its place."""
        given = compose.environment_of("worker") | self.variables
        log = self.folder / f"worker_{len(self.workers)}.log"
        started = WorkerProcess(arguments or ("-m", "subtomo_worker"), given, log).start()
        self.workers.append(started)
        return started

    def client(self, user: str, server: int = 0) -> httpx.Client:
        """A client of a user at one of the servers."""
        return client_of(self.servers[server].url, issue_token(self.store, user, label="test"))

    def wait_until_ready(self) -> None:
        """Wait until every server answers and every worker has shown itself."""
        for server in self.servers:
            wait_until(server.live, "the server answers", 60)
        with httpx.Client(trust_env=False) as client:
            for server in self.servers:
                address = f"{server.url}/api/v1/health/ready"
                wait_until(partial(_answers, client, address), "it is ready", 90)

    def close(self) -> None:
        """End what still runs."""
        for worker in self.workers:
            if worker.running:
                worker.terminate()
        for server in self.servers:
            if server.process is not None and server.process.poll() is None:
                server.end(signal.SIGTERM)


@contextmanager
def facility(folder: Path, *, servers: int = 2, workers: int = 3) -> Iterator[Facility]:
    """Run a facility within the block, with shortened leases."""
    with ExitStack() as stack:
        postgres = stack.enter_context(own_postgres())
        url = stack.enter_context(fresh_database(postgres.url))
        redis = RedisServer(appendonly=True)
        redis.start()
        stack.callback(redis.close)
        variables = {
            **SCALED,
            "SUBTOMO_DATA": str(folder / "data"),
            "SUBTOMO_DATABASE_URL": url,
            "SUBTOMO_BROKER_URL": redis.url,
        }
        store = open_store(Settings(data=folder / "data", database_url=url, broker_url=redis.url))
        stack.callback(store.close)
        store.migrate()
        made = Facility(folder, postgres, redis, variables, store)
        stack.callback(made.close)
        for _ in range(servers):
            made.add_server()
        for _ in range(workers):
            made.add_worker()
        made.wait_until_ready()
        yield made
