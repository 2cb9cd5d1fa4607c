"""Load on one service: people who poll, people who follow, many jobs, a large job.

    python benchmarks/load.py poll --clients 200 --followers 20 --seconds 30 --jobs 200
    python benchmarks/load.py queue --jobs 1000
    python benchmarks/load.py large --particles 100000

Each starts ``subtomo serve`` in a folder of its own, on this machine's cores, which the clients
share. Latencies count from the moment at which a client meant to ask, not from when it could.
Clients arrive one after the other within the time between two polls.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
from services import Service, service

ENDS = ("succeeded", "failed", "cancelled")


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Ask on an open connection; the status."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    await reader.readexactly(length)
    return int(head[9:12])


async def poll(
    running: Service, path: str, seconds: float, every: float, found: list[float]
) -> None:
    """Poll as a script does, once in a while; connecting counts."""
    url = urlsplit(running.url)
    end = time.perf_counter() + seconds
    meant = time.perf_counter() + random.uniform(0, every)
    await asyncio.sleep(max(0.0, meant - time.perf_counter()))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    request = (
        f"GET /api/v1{path} HTTP/1.1\r\nhost: {url.netloc}\r\n"
        f"authorization: Bearer {running.token}\r\n\r\n"
    ).encode()
    while meant < end:
        await asyncio.sleep(max(0.0, meant - time.perf_counter()))
        status = await ask(reader, writer, request)
        assert status == 200, status
        found.append(time.perf_counter() - meant)
        meant += every
    writer.close()


async def follow(
    client: httpx.AsyncClient, job: str, seconds: float, every: float, told: list[float]
) -> None:
    """Follow events; the moment of each one's arrival."""
    end = time.perf_counter() + seconds
    await asyncio.sleep(random.uniform(0, every))
    try:
        async with client.stream("GET", f"/api/v1/jobs/{job}/events", timeout=seconds) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    told.append(time.perf_counter())
                if time.perf_counter() > end:
                    return
    except httpx.TransportError:
        return


async def crowd(
    running: Service, jobs: list[str], given: argparse.Namespace
) -> tuple[list[float], int]:
    """Everybody at once: the first job is followed, and clients share the jobs to ask for."""
    found: list[float] = []
    told: list[float] = []
    headers = {"authorization": f"Bearer {running.token}"}
    client = httpx.AsyncClient(base_url=running.url, headers=headers, trust_env=False)
    async with client, asyncio.TaskGroup() as group:
        for _ in range(given.followers):
            group.create_task(follow(client, jobs[0], given.seconds, given.every, told))
        for number in range(given.clients):
            path = f"/jobs/{jobs[number % len(jobs)]}"
            group.create_task(poll(running, path, given.seconds, given.every, found))
    return found, len(told)


def polling(given: argparse.Namespace) -> None:
    """Latency of polls while a job runs."""
    with service() as running:
        dataset = running.dataset(2000, 16)
        job = running.post(dataset, iterations=500, batch_particles=200)
        jobs = [job, *(running.post(dataset) for _ in range(given.jobs - 1))]
        while running.job(job)["progress"]["iteration"] < 1:
            time.sleep(0.2)
        before = running.memory()
        used = psutil.Process(running.process.pid).cpu_times()
        found, told = asyncio.run(crowd(running, jobs, given))
        after = psutil.Process(running.process.pid).cpu_times()
        cpu = after.user + after.system - used.user - used.system
        at = np.quantile(found, [0.5, 0.9, 0.99, 1.0]) * 1000
        print(
            f"{len(found)} answers, {told} events; ms at 50 / 90 / 99 / 100 %: "
            + " / ".join(f"{value:.0f}" for value in at)
        )
        print(
            f"server: {1000 * cpu / len(found):.2f} ms of CPU an answer, followers included; "
            f"memory {before:.0f} -> {running.memory():.0f} MiB; job {running.job(job)['status']}"
        )
        for posted in jobs:
            running.client.post(f"/jobs/{posted}/cancel")


def queueing(given: argparse.Namespace) -> None:
    """Time of a POST, of a list and of a dispatch while more and more jobs wait."""
    with service("--no-worker") as running:
        dataset = running.dataset(4, 16)
        posts, lists = [], []
        for number in range(given.jobs):
            began = time.perf_counter()
            running.post(dataset)
            posts.append(time.perf_counter() - began)
            if number % 100 == 99:
                began = time.perf_counter()
                running.client.get("/jobs?limit=50").raise_for_status()
                lists.append(time.perf_counter() - began)
                part = 1000 * float(np.median(posts[-100:]))
                print(f"{number + 1} queued: POST {part:.1f} ms, list {1000 * lists[-1]:.1f} ms")
        dispatching(running, given.jobs)


def dispatching(running: Service, jobs: int) -> None:
    """Let one worker at what waits: how long it is at a task, and between two."""
    broker = f"redis+socket://{running.data}/broker.sock"
    given = {**os.environ, "SUBTOMO_DATA": str(running.data), "SUBTOMO_BROKER_URL": broker}
    with (running.data / "worker.out").open("wb") as log:
        command = [sys.executable, "-m", "subtomo_worker"]
        worker = subprocess.Popen(command, env=given, stdout=log, stderr=log)
    count = "SELECT COUNT(*), COALESCE(SUM(seconds), 0) FROM tasks WHERE state = 'done'"
    with sqlite3.connect(running.data / "subtomo.db") as database:
        while database.execute(count).fetchone()[0] < 5:
            time.sleep(0.1)
        (done, busy), began = database.execute(count).fetchone(), time.perf_counter()
        time.sleep(15)
        (after, spent), seconds = database.execute(count).fetchone(), time.perf_counter() - began
    worker.send_signal(signal.SIGTERM)
    worker.wait(60)
    tasks = after - done
    print(
        f"{jobs} queued: {tasks} tasks in {seconds:.0f} s, {1000 * seconds / tasks:.0f} ms each, "
        f"of which {1000 * (seconds - spent + busy) / tasks:.0f} ms outside the task"
    )


def large(given: argparse.Namespace) -> None:
    """One large job from begin to end: the server's memory, and the time outside batches."""
    with service() as running:
        began = time.perf_counter()
        dataset = running.dataset(given.particles, 16)
        print(f"uploaded and sealed after {time.perf_counter() - began:.0f} s")
        job = running.post(
            dataset,
            iterations=given.iterations,
            parameters={"candidates": 4, "voronoi_points": 200},
        )
        memory = []
        while (state := running.job(job))["status"] not in ENDS:
            memory.append(running.memory())
            time.sleep(1.0)
        told = running.client.get(f"/jobs/{job}/iterations").json()["items"]
        total = sum(item["seconds"] for item in told)
        print(
            f"{state['status']}: {len(told)} iterations, {total:.1f} s; server memory "
            f"{min(memory):.0f} to {max(memory):.0f} MiB"
        )
        steps(running.data, job)


def steps(data: Path, job: str) -> None:
    """Seconds of tasks by kind, from the database."""
    with sqlite3.connect(data / "subtomo.db") as database:
        rows = database.execute(
            "SELECT kind, COUNT(*), SUM(seconds) FROM tasks WHERE job_id = ? GROUP BY kind", (job,)
        ).fetchall()
        (whole,) = database.execute(
            "SELECT (julianday(finished) - julianday(started)) * 86400 FROM jobs WHERE id = ?",
            (job,),
        ).fetchone()
    for kind, count, seconds in rows:
        print(f"{kind}: {count} tasks, {seconds:.2f} s, {100 * seconds / whole:.1f} %")
    worked = sum(seconds for _, _, seconds in rows)
    batches = sum(seconds for kind, _, seconds in rows if kind == "align")
    print(
        f"job: {whole:.1f} s; outside batches {100 * (1 - batches / whole):.2f} %, "
        f"outside tasks {100 * (1 - worked / whole):.2f} %"
    )


def main() -> None:
    """Read the command line."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(required=True)
    crowded = kinds.add_parser("poll")
    crowded.add_argument("--clients", type=int, default=200)
    crowded.add_argument("--jobs", type=int, default=1, help="which clients ask for, in turns")
    crowded.add_argument("--followers", type=int, default=20)
    crowded.add_argument("--seconds", type=float, default=30.0)
    crowded.add_argument("--every", type=float, default=1.0)
    crowded.set_defaults(run=polling)
    queued = kinds.add_parser("queue")
    queued.add_argument("--jobs", type=int, default=1000)
    queued.set_defaults(run=queueing)
    whole = kinds.add_parser("large")
    whole.add_argument("--particles", type=int, default=100_000)
    whole.add_argument("--iterations", type=int, default=2)
    whole.set_defaults(run=large)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
