"""Speed of uploads against a plain copy through the loopback onto the same disk.

python benchmarks/upload.py --gib 2 --repeats 3

Each turn does all in a row: a plain copy (one process sends a file through a TCP socket, another
writes what comes and forces it to the disk), PUT, tus, and the client library with a file of its
own size. The service is a process of its own. Reported are the least times, and the server's
peak of resident memory, which must not depend on the size.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from subtomo import Client

PIECE = 1 << 20


def receive(listening: socket.socket, path: Path) -> None:
    """The far end of a plain copy."""
    connection, _ = listening.accept()
    buffer = bytearray(PIECE)
    with connection, path.open("wb", buffering=0) as file:
        while count := connection.recv_into(buffer):
            file.write(memoryview(buffer)[:count])
        os.fsync(file.fileno())
        connection.sendall(b".")


def plain_copy(source: Path, folder: Path) -> None:
    """Send a file to another process on this machine, which stores it."""
    target = folder / "copy"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        other = multiprocessing.Process(target=receive, args=(listening, target))
        other.start()
        with socket.create_connection(listening.getsockname()) as near, source.open("rb") as file:
            near.sendfile(file)
            near.shutdown(socket.SHUT_WR)
            near.recv(1)
        other.join()
    target.unlink()


class Service:
    """The embedded service without a worker, and requests to it by the standard library."""

    def __init__(self, data: Path):
        command = [sys.executable, "-m", "subtomo_server", "--data", str(data), "--port", "0"]
        self.process = subprocess.Popen([*command, "--no-worker"], stdout=subprocess.DEVNULL)
        note = data / "connection.json"
        while not note.exists():
            time.sleep(0.1)
        self.note: dict[str, str] = json.loads(note.read_text())
        self.address = urlsplit(self.note["url"])

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request; its answer's headers and body."""
        host, port = self.address.hostname or "", self.address.port
        connection = http.client.HTTPConnection(host, port, blocksize=PIECE, timeout=600)
        given = {"Authorization": f"Bearer {self.note['token']}", **headers}
        connection.request(method, f"/api/v1{path}", body, given)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        assert answer.status < 300, content
        return answer.headers, content

    def dataset(self) -> str:
        """Id of a new dataset."""
        body = json.dumps({"name": "x", "missing": {"kind": "none"}})
        _, made = self.request("POST", "/datasets", body, **{"Content-Type": "application/json"})
        return str(json.loads(made)["id"])

    def cpu_seconds(self) -> float:
        """CPU time of the server so far."""
        return sum(psutil.Process(self.process.pid).cpu_times()[:2])

    def peak_mib(self) -> float:
        """Peak of the server's resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if "VmHWM" in line)


def put(service: Service, dataset: str, source: Path) -> None:
    """One PUT."""
    size = str(source.stat().st_size)
    with source.open("rb") as file:
        service.request("PUT", f"/datasets/{dataset}/files/x.mrc", file, **{"Content-Length": size})


def tus(service: Service, dataset: str, source: Path) -> None:
    """One resumable upload in one part."""
    size = str(source.stat().st_size)
    metadata = f"filename {base64.b64encode(b'x.mrc').decode()}"
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": size, "Upload-Metadata": metadata}
    made, _ = service.request("POST", f"/datasets/{dataset}/uploads", **headers)
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": size,
    }
    path = made["Location"].removeprefix("/api/v1")
    with source.open("rb") as file:
        service.request("PATCH", path, file, **headers)


def library(service: Service, dataset: str, source: Path) -> None:
    """The client library, which hashes the file first."""
    with Client(service.note["url"], service.note["token"]) as client:
        client.upload(dataset, source.parent)


def seconds(work: Callable[[], None]) -> float:
    """Wall time of ``work``, with nothing left over to be written from before."""
    os.sync()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=2.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="where to write")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        folder = Path(name)
        source = folder / "source" / "x.mrc"
        source.parent.mkdir()
        with source.open("wb") as file:
            for _ in range(int(chosen.gib * 1024)):
                file.write(os.urandom(PIECE))
        service = Service(folder / "data")
        print(f"server at rest {service.peak_mib():.0f} MiB")
        times: dict[str, list[float]] = {}
        busy: dict[str, float] = {}
        ways = {"PUT": put, "tus": tus, "client library": library}
        try:
            for _ in range(chosen.repeats):
                copied = seconds(lambda: plain_copy(source, folder))
                times.setdefault("plain copy", []).append(copied)
                for way, send in ways.items():
                    dataset = service.dataset()
                    before = service.cpu_seconds()
                    took = seconds(partial(send, service, dataset, source))
                    times.setdefault(way, []).append(took)
                    busy[way] = min(busy.get(way, 1e9), service.cpu_seconds() - before)
                    service.request("DELETE", f"/datasets/{dataset}")
            print(f"server's peak {service.peak_mib():.0f} MiB")
        finally:
            service.process.terminate()
            service.process.wait()
    best = {way: min(took) for way, took in times.items()}
    for way, turns in times.items():
        rate = chosen.gib * 1024 / best[way]
        share = best["plain copy"] / best[way]
        cpu = f"{busy[way]:.2f}" if way in busy else "-"
        print(f"| {way} | {best[way]:.2f} | {rate:.0f} | {share:.0%} | {cpu} |", sorted(turns))


if __name__ == "__main__":
    main()
