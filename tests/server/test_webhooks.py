"""The end of a job is told until it is acknowledged, and to nobody who should not hear it."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from subtomo_core.errors import InputError
from subtomo_server.webhooks.sender import Sender
from subtomo_server.webhooks.targets import check_target, is_public
from subtomo_store import Settings, Store
from subtomo_store.jobs import jobs, webhooks
from subtomo_store.jobs.orders import Orders
from support.receiver import CALL, got, ids, signature_holds
from support.records import new_job, opened, ready_dataset, user_named
from support.services import environment, wait_until
from support.small_server import SmallServer, small_server


@pytest.fixture
def receiver() -> Iterator[SmallServer]:
    with small_server() as server:
        server.on(CALL, lambda request: request.answer({}))
        yield server


@pytest.fixture
def store(tmp_path: Path, database_url: str, receiver: SmallServer) -> Iterator[Store]:
    given = {
        "webhook_hosts": (receiver.url.removeprefix("http://"),),
        "webhook_pause_seconds": 0.05,
        "webhook_attempts": 3,
    }
    with opened(tmp_path, database_url, **given) as made:
        yield made


def ended(store: Store, url: str) -> str:
    """A job with a webhook, cancelled."""
    with store.begin() as session:
        user = user_named(session)
        orders = Orders(webhook=url)
        job = new_job(session, ready_dataset(session, user), user, orders).job
        jobs.cancel(session, job.id, user.id)
    return job.id


def hook(store: Store, job: str) -> webhooks.Webhook:
    with store.read() as session:
        return webhooks.of_jobs(session, [job])[job]


def sent_until(store: Store, job: str, state: str) -> webhooks.Webhook:
    sender = Sender(store, lease_seconds=0.05)

    def there() -> bool:
        sender.send_due()
        return hook(store, job).state == state

    wait_until(there, f"the webhook is {state}")
    return hook(store, job)


def test_the_end_is_told_once_and_signed(store: Store, receiver: SmallServer):
    job = ended(store, f"{receiver.url}/hook")
    assert sent_until(store, job, "delivered").attempts == 1
    assert Sender(store).send_due() == 0
    (told,) = got(receiver)
    assert (told["type"], told["data"]["id"]) == ("job.cancelled", job)
    with store.begin() as session:
        secret = webhooks.secret_of(session, user_named(session).id)
        other = webhooks.new_secret(session, user_named(session).id)
    (request,) = receiver.calls(CALL)
    assert signature_holds(request, secret)
    assert not signature_holds(request, other)


def test_nothing_is_told_before_the_end(store: Store, receiver: SmallServer):
    with store.begin() as session:
        user = user_named(session)
        orders = Orders(webhook=f"{receiver.url}/hook")
        job = new_job(session, ready_dataset(session, user), user, orders).job
    assert Sender(store).send_due() == 0
    assert hook(store, job.id).state == "armed"


def test_it_is_told_again_until_it_is_acknowledged(store: Store, receiver: SmallServer):
    receiver.on(
        CALL,
        lambda request: request.answer({}, status=503),
        lambda request: request.hang_up(),
        lambda request: request.answer({}),
    )
    job = ended(store, f"{receiver.url}/hook")
    assert sent_until(store, job, "delivered").attempts == 3
    assert len(set(ids(receiver))) == 1
    assert len(got(receiver)) == 3


def test_it_is_given_up_after_some_attempts(store: Store, receiver: SmallServer):
    """A redirection is no acknowledgement, and is not followed."""
    elsewhere = {"Location": f"{receiver.url}/elsewhere"}
    receiver.on(CALL, lambda request: request.answer({}, status=307, headers=elsewhere))
    job = ended(store, f"{receiver.url}/hook")
    found = sent_until(store, job, "failed")
    assert (found.attempts, found.error) == (3, "the receiver said 307")
    assert receiver.calls("POST /elsewhere") == []
    assert Sender(store).send_due() == 0


def test_many_senders_make_one_attempt(store: Store, receiver: SmallServer):
    receiver.on(CALL, lambda request: (time.sleep(0.3), request.answer({})))
    job = ended(store, f"{receiver.url}/hook")
    senders = [threading.Thread(target=Sender(store).send_due) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(got(receiver)) == 1
    assert hook(store, job).state == "delivered"


def test_a_sender_killed_in_the_middle_is_followed_by_another(
    store: Store, receiver: SmallServer, tmp_path: Path
):
    hanging = threading.Event()
    receiver.on(
        CALL,
        lambda request: (hanging.wait(20), request.hang_up()),
        lambda request: request.answer({}),
    )
    job = ended(store, f"{receiver.url}/hook")
    program = (
        "from subtomo_store import Settings, open_store\n"
        "from subtomo_server.webhooks.sender import Sender\n"
        "Sender(open_store(Settings()), lease_seconds=0.5).send_due()\n"
    )
    host = receiver.url.removeprefix("http://")
    variables = environment(
        SUBTOMO_DATA=str(tmp_path),
        SUBTOMO_DATABASE_URL=str(store.settings.database_url),
        SUBTOMO_WEBHOOK_HOSTS=f'["{host}"]',
        SUBTOMO_WEBHOOK_PAUSE_SECONDS="0.05",
    )
    process = subprocess.Popen([sys.executable, "-c", program], env=variables)
    try:
        wait_until(lambda: len(got(receiver)) == 1, "the first attempt is under way")
    finally:
        process.kill()
        process.wait()
        hanging.set()
    assert hook(store, job).state == "waiting"
    assert sent_until(store, job, "delivered").attempts == 2
    assert len(set(ids(receiver))) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/hook",
        "https://me:secret@example.org/hook",
        "https://example.org /hook",
        "https://example.org:99999/hook",
        "ftp://example.org/hook",
        "example.org",
        "",
    ],
)
def test_where_a_webhook_may_not_go(url: str):
    with pytest.raises(InputError, match="give an https:// address of a public host"):
        check_target(url, ())


def test_where_it_may():
    assert check_target("https://example.org/hook?a=b", ()).port == 443
    assert check_target("http://lims:8080/hook", ("lims:8080",)).trusted
    with pytest.raises(InputError, match="allow-listed"):
        check_target("http://lims:9090/hook", ("lims:8080",))


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fe80::1", False),
        ("::ffff:192.168.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::5db8:d822", True),
    ],
)
def test_which_addresses_are_public(address: str, public: bool):
    assert is_public(ipaddress.ip_address(address)) == public


def test_a_name_which_leads_to_a_private_address_is_not_followed(
    tmp_path: Path, receiver: SmallServer, monkeypatch: pytest.MonkeyPatch
):
    """The name passes when the job is posted, and means this machine when it is called."""
    port = int(receiver.url.rpartition(":")[2])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: found)
    url = f"https://rebinding.example.org:{port}/hook"
    given = {"webhook_attempts": 1}
    with opened(tmp_path, f"sqlite:///{tmp_path}/subtomo.db", **given) as store:
        assert isinstance(store.settings, Settings)
        job = ended(store, url)
        Sender(store).send_due()
        found_hook = hook(store, job)
    assert found_hook.state == "failed"
    assert "leads to a private address" in str(found_hook.error)
    assert receiver.requests == []
