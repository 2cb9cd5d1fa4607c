"""``subtomo watch``: a job's progress, iteration by iteration."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from subtomo.cli.find import find_job
from subtomo.cli.output import (
    connect,
    duration,
    errors,
    fail,
    plainly,
    print_json_line,
    screen,
)
from subtomo.client import Client
from subtomo.errors import how_it_ended
from subtomo.records import Event, Job

SYMPTOMS = "/help/how-to/troubleshooting.html"


@plainly
def watch(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="A job's id or name, or 'last'.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each event as one line of JSON.")
    ] = False,
) -> None:
    """Follow a job to its end."""
    with connect(context) as client:
        record = find_job(client, job)
        if as_json:
            for event in client.watch(record):
                print_json_line(event)
            record = client.job(record)
        else:
            record = follow(client, record)
    end_of(record, silent=as_json)


def end_of(job: Job, *, silent: bool) -> None:
    """Say how a job ended; anything but success ends the command with code 1."""
    if job.status == "succeeded":
        if not silent:
            took = (
                f" in {duration((job.finished - job.started).total_seconds())}"
                if job.started and job.finished
                else ""
            )
            why = f": {job.status_reason}" if job.status_reason else ""
            screen().print(
                f"Succeeded{took}{why}. Download with: subtomo fetch {job.id}", markup=False
            )
        return
    raise fail(how_it_ended(job))


def waiting_line(job: Job) -> str:
    """Say what a job waits for, and its place; nothing for one which is at work or over."""
    if not job.queue.reason:
        return ""
    place = f" (place {job.queue.place})" if (job.queue.place or 0) > 1 else ""
    return f"{job.queue.reason}{place}"


def follow(client: Client, job: Job, *, silent: bool = False) -> Job:
    """Show a job's progress until it ends; return it as it ended."""
    if silent:
        return client.wait(job, must_succeed=False)
    if line := waiting_line(job):
        errors().print(line, markup=False, soft_wrap=True)
    view = JobView(job, errors(), client.url)
    try:
        with view.progress:
            for event in client.watch(job):
                view.show(event)
    except KeyboardInterrupt:
        errors().print(
            f"\nThe job goes on. 'subtomo watch {job.id}' looks again, "
            f"'subtomo cancel {job.id}' ends it.",
            markup=False,
        )
        raise typer.Exit(130) from None
    return client.job(job)


class JobView:
    """A progress bar for the iteration under way, and a line for each finished one.

    Parameters
    ----------
    job : Job
        The job at the beginning.
    console : Console
        Where to draw; without a terminal only the lines are printed.
    url : str
        Address of the server, whose pages of help are named.
    """

    def __init__(self, job: Job, console: Console, url: str):
        self.job = job
        self.url = url
        self.iterations = int(job.spec.get("iterations", job.progress.iterations))
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar: TaskID = self.progress.add_task("waiting", total=None, note="")

    def show(self, event: Event) -> None:
        """Draw what an event tells."""
        if event.kind == "progress":
            self._advance(event.data)
        elif event.kind == "iteration":
            self._line(iteration_line(event.data, self.iterations))
            for line in verdict_lines(event.data.get("metrics") or {}, self.url):
                self._line(line)
        elif event.kind == "note":
            self._line(f"  {event.data.get('detail') or ''}")
        elif event.kind == "alarm":
            self._line(f"  ! {event.data.get('detail') or event.data.get('message') or ''}")
        elif event.kind == "status":
            reason = event.data.get("status_reason") or event.data.get("reason") or ""
            self.progress.update(
                self._bar, description=str(event.data.get("status", "")), note=reason
            )

    def _advance(self, data: dict[str, Any]) -> None:
        eta = data.get("eta_seconds")
        self.progress.update(
            self._bar,
            description=f"iteration {data.get('iteration', 0)}/{self.iterations}",
            completed=data.get("particles_done", 0),
            total=data.get("particles") or None,
            note=f"{duration(eta)} left" if eta else "",
        )

    def _line(self, text: str) -> None:
        self.progress.console.print(text, markup=False, soft_wrap=True)


def verdict_lines(metrics: dict[str, Any], url: str) -> list[str]:
    """What the averages of a job's last iteration are worth, and what to try next.

    ``url`` is the server's, which has a page on averages that look wrong.
    """
    verdict = metrics.get("verdict")
    if not verdict:
        return []
    head = f"Verdict: {verdict.get('movement', '')}; {verdict.get('summary', '')}"
    reasons = [f"  {reason}" for reason in verdict.get("reasons") or ()]
    advice = [f"  {n}. {text}" for n, text in enumerate(verdict.get("advice") or (), start=1)]
    if not advice:
        return [head, *reasons]
    told = [head, *reasons, "What to try next, in this order:", *advice]
    if verdict.get("state") == "structure" and verdict.get("movement") == "converged":
        return told
    return [*told, f"What averages look like that went wrong: {url}{SYMPTOMS}"]


def _is_noise(metrics: dict[str, Any], index: int) -> bool:
    """Whether a class (from 0) was found to hold nothing but noise."""
    classes = (metrics.get("verdict") or {}).get("classes") or ()
    return index < len(classes) and classes[index].get("state") == "noise"


def iteration_line(data: dict[str, Any], iterations: int) -> str:
    """Say in one line what an iteration brought."""
    metrics = data.get("metrics") or data
    number = data.get("iteration", data.get("number", 0))
    parts = [f"iteration {number:>3}/{iterations}"]
    shares = metrics.get("class_shares")
    if shares:
        parts.append("shares " + " ".join(f"{share:.2f}" for share in shares))
    junk = metrics.get("junk_share") or 0.0
    if junk >= 0.005:  # shown with two digits
        parts.append(f"junk {junk:.2f}")
    resolutions = metrics.get("resolution_0143_angstrom")
    if resolutions and any(resolutions):
        kind, shared = metrics.get("fsc_kind"), metrics.get("shared_angstrom")
        kind = f"{kind} beyond {shared:.0f} Å" if kind and shared else kind
        words = " ".join(
            "none" if _is_noise(metrics, k) else f"{value:.1f}" if value else "-"
            for k, value in enumerate(resolutions)
        )
        parts.append(f"resolution {words} Å" + (f" ({kind})" if kind else ""))
    if metrics.get("start_log_likelihoods"):
        count = len(metrics["start_log_likelihoods"])
        parts.append(f"start {metrics.get('start')} of {count} leads")
    symmetric = metrics.get("symmetry_correlation") or ()
    if any(value is not None for value in symmetric):
        words = " ".join("-" if value is None else f"{value:.2f}" for value in symmetric)
        imposed = "" if any(metrics.get("symmetrised") or ()) else " (not imposed yet)"
        parts.append(f"symmetry {words}{imposed}")
    change = metrics.get("pose_change_deg")
    if change is not None:
        parts.append(f"poses moved {change:.1f}°")
    seconds = data.get("seconds")
    if seconds:
        parts.append(duration(seconds))
    return "  ".join(parts)
