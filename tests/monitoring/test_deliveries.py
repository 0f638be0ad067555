"""Who is told of an alert, how a webhook's message is signed, when it is tried again, and what is refused."""

import hmac
import json
import socket
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.exceptions import ImproperlyConfigured

from configs.changes import Actor
from configs.refusals import NotInState
from console.api.webhooks import AlertMessage, AlertTold
from edges import tenancy
from ems import mail
from monitoring import acts, dialling, looking, pinging, recipients, sending
from monitoring.models import Delivery
from monitoring.recipients import BadAddress
from tests.configs.rollouts.conftest import Share
from tests.monitoring.conftest import Receiver, Watch, tell

EVE = Actor("eve")
EDGE = "acme-site-0-0"


def add(watch: Watch, kind: str, address: str, site: str | None = None) -> tuple[Any, str]:
    return recipients.add(
        organization_id=watch.fleet.organization.pk, kind=kind, address=address,
        site=watch.fleet.sites[site] if site else None, actor=EVE, now=watch.fleet.now,
    )  # fmt: skip


def deliveries(watch: Watch) -> list[Delivery]:
    with tenancy.scope([watch.fleet.organization.pk]):
        return list(Delivery.objects.order_by("created_at", "key"))


def fail(watch: Watch) -> None:
    watch.fleet.beat(EDGE, phase="safe_mode")


def test_a_webhook_is_signed_with_the_secret_that_was_shown_once(watch: Watch, receiver: Receiver) -> None:
    _, secret = add(watch, "webhook", receiver.url)
    fail(watch)
    watch.work()
    ((headers, body),) = receiver.seen
    text = headers["ems-timestamp"].encode() + b"." + body
    assert headers["ems-signature"] == "v1=" + hmac.new(secret.encode(), text, sha256).hexdigest()
    told = json.loads(body)
    assert (told["event"], told["alert"]["kind"], told["alert"]["edges"]) == (
        "alert.opened", "safe_mode", [EDGE],
    )  # fmt: skip
    (row,) = deliveries(watch)
    assert (row.state, row.key, row.attempts[0]["said"]) == ("delivered", headers["ems-key"], "answered 204")
    assert secret not in repr(row.__dict__)


def test_a_message_names_the_organization_the_change_and_the_rollout(
    watch: Watch, receiver: Receiver, settings: Any
) -> None:
    settings.EMAIL_IS_SET, settings.PUBLIC_URL = True, "https://ems.example.com"
    add(watch, "webhook", receiver.url, "site-0")
    add(watch, "email", "eve@example.com")
    rollout = watch.fleet.start(shares=[Share(percent=100)], bad_limit=1)
    rollout.work()
    watch.fleet.refuses(EDGE, "acme-site-1-0")
    rollout.work()
    looking.reported(organization_id=watch.fleet.organization.pk, edges=(), now=watch.fleet.now)
    watch.work()
    number = rollout.row.change_set.number
    told = next(one for _, body in receiver.seen if (one := json.loads(body))["alert"]["kind"] == "rollout")
    described = AlertMessage(data=told)
    assert described.is_valid(), described.errors
    assert (told.keys(), told["alert"].keys()) == (described.fields.keys(), AlertTold().fields.keys())
    assert told["organization"] == {"code": "acme", "name": "Acme"}
    alert = told["alert"]
    assert (alert["reach"], alert["edges"]) == (1, [EDGE])
    assert alert["sites"] == [{"code": "site-0", "name": "Site-0"}]
    assert (alert["change"]["number"], alert["change"]["author"]) == (number, "alice")
    assert alert["rollout"] == {"id": str(rollout.pk), "phase": "halted"}
    (mail,) = [one.body for one in outgoing.outbox if "is halted" in one.subject]
    assert f"Change: #{number} by alice: " in mail
    assert "Rollout: halted" in mail
    assert "Sites: Site-0, Site-1" in mail
    assert f"More: https://ems.example.com/admin/alerts/{alert['id']}/" in mail


def test_it_is_tried_again_later_each_time_under_the_same_key(watch: Watch, receiver: Receiver) -> None:
    add(watch, "webhook", receiver.url)
    receiver.statuses = [500, 302]
    fail(watch)
    watch.work()
    assert deliveries(watch)[0].next_at == watch.fleet.now + timedelta(seconds=30)
    watch.work(seconds=29)
    assert len(receiver.seen) == 1
    watch.work(seconds=1)
    assert deliveries(watch)[0].next_at == watch.fleet.now + timedelta(minutes=2)
    watch.work(minutes=2)
    (row,) = deliveries(watch)
    said = [one["said"] for one in row.attempts]
    assert (row.state, said) == ("delivered", ["answered 500", "answered 302", "answered 204"])
    assert len({headers["ems-key"] for headers, _ in receiver.seen}) == 1
    recipients.redeliver(organization_id=row.organization_id, delivery_id=row.pk, now=watch.fleet.now)
    watch.work()
    assert [headers["ems-key"] for headers, _ in receiver.seen] == [row.key] * 4


def test_waits_grow_and_end() -> None:
    waits = [sending.wait_after(number) for number in range(1, sending.MOST_ATTEMPTS)]
    assert waits == sorted(waits, key=lambda one: one or timedelta(0))
    assert waits[0] == timedelta(seconds=30)
    assert waits[-1] == timedelta(hours=8)
    assert sending.wait_after(sending.MOST_ATTEMPTS) is None


def test_a_muted_alert_tells_nobody(watch: Watch, receiver: Receiver) -> None:
    add(watch, "webhook", receiver.url)
    fail(watch)
    (alert,) = watch.work().alerts()
    until = watch.fleet.now + timedelta(hours=1)
    acts.mute(
        organization_id=alert.organization_id, alert_id=alert.pk, until=until, reason="works", actor=EVE,
        now=watch.fleet.now,
    )  # fmt: skip
    watch.fleet.beat(EDGE, phase="committed")
    watch.work(minutes=1)
    assert len(receiver.seen) == 1


def test_a_site_hears_of_its_own_edges_alone(watch: Watch, settings: Any) -> None:
    settings.EMAIL_IS_SET = True
    add(watch, "email", "north@example.com", "site-0")
    add(watch, "email", "south@example.com", "site-1")
    fail(watch)
    watch.work()
    (message,) = outgoing.outbox
    assert message.to == ["north@example.com"]
    assert message.subject == "EMS Acme: Edges in safe mode (opened)"
    lines = message.body.splitlines()
    assert lines[1:4] == ["Organization: Acme", "Sites: Site-0", f"Edges: 1 ({EDGE})"]
    assert "Next step:" in message.body


def test_a_site_hears_of_an_alert_once_when_it_gets_there(watch: Watch, settings: Any) -> None:
    settings.EMAIL_IS_SET = True
    for site in ("site-0", "site-1"):
        add(watch, "email", f"{site}@example.com", site)
    add(watch, "email", "all@example.com")
    for number in range(3):
        watch.fleet.beat(f"acme-site-0-{number}", phase="safe_mode")
    watch.work()
    for number in range(2):
        watch.fleet.beat(f"acme-site-1-{number}", phase="safe_mode")
        watch.work(minutes=1)
    told = [(message.to[0], message.subject.rpartition("(")[2]) for message in outgoing.outbox]
    assert sorted(told) == [
        ("all@example.com", "opened)"), ("site-0@example.com", "opened)"), ("site-1@example.com", "spread)"),
    ]  # fmt: skip
    assert "acme-site-1-0" in outgoing.outbox[-1].body
    assert "acme-site-0" not in outgoing.outbox[-1].body
    assert len({row.key for row in deliveries(watch)}) == 2
    outgoing.outbox.clear()
    for number in range(3):
        watch.fleet.beat(f"acme-site-0-{number}", phase="committed")
        watch.fleet.beat(f"acme-site-1-{number}", phase="committed")
    watch.work(minutes=1)
    assert {message.subject.rpartition("(")[2] for message in outgoing.outbox} == {"resolved)"}
    assert len(outgoing.outbox) == 3
    outgoing.outbox.clear()
    watch.fleet.beat("acme-site-1-0", phase="safe_mode")
    watch.work(minutes=1)
    watch.fleet.beat("acme-site-0-0", phase="safe_mode")
    watch.work(minutes=1)
    told = [(message.to[0], message.subject.rpartition("(")[2]) for message in outgoing.outbox]
    assert sorted(told) == [
        ("all@example.com", "grown)"), ("all@example.com", "reopened)"), ("site-0@example.com", "grown)"),
        ("site-1@example.com", "grown)"), ("site-1@example.com", "reopened)"),
    ]  # fmt: skip


def test_an_alarm_is_told_by_email_as_soon_as_any_edge_asks_for_it(watch: Watch, settings: Any) -> None:
    settings.EMAIL_IS_SET = True
    add(watch, "email", "eve@example.com")
    edges = sorted(watch.fleet.edges)
    for edge_id in edges[:4]:
        tell(watch, edge_id, "raised", senders=[])
    (alert,) = watch.work().alerts()
    assert (alert.by_email, outgoing.outbox) == (False, [])
    tell(watch, edges[4], "raised", senders=["email"])
    (alert,) = watch.work(minutes=1).alerts()
    assert (alert.by_email, [one.subject for one in outgoing.outbox]) == (
        True, ["EMS Acme: Alarm hot (warning) (spread)"],
    )  # fmt: skip
    for edge_id in edges[:5]:
        tell(watch, edge_id, "cleared", senders=["email"])
    watch.work(minutes=1)
    outgoing.outbox.clear()
    tell(watch, edges[0], "raised", senders=[])
    (alert,) = watch.work(minutes=1).alerts()
    assert (alert.by_email, outgoing.outbox) == (False, [])
    tell(watch, edges[1], "raised", senders=[])
    tell(watch, edges[2], "raised", senders=["email"])
    assert watch.work(minutes=1).alerts()[0].by_email
    assert [one.subject.rpartition("(")[2] for one in outgoing.outbox] == ["grown)"]


def test_without_an_email_server_the_log_says_so(watch: Watch) -> None:
    made, _ = add(watch, "email", "eve@example.com")
    recipients.test(
        organization_id=made.organization_id, recipient_id=made.pk, actor=EVE, now=watch.fleet.now
    )
    watch.work()
    (row,) = deliveries(watch)
    assert (row.state, row.attempts[0]["said"]) == ("waiting", "no e-mail server is set (EMAIL_URL)")
    recipients.remove(organization_id=made.organization_id, recipient_id=made.pk, now=watch.fleet.now)
    watch.work(minutes=1)
    assert deliveries(watch)[0].state == "given_up"


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("email", "nobody"),
        ("email", "a@example.com\nBcc: b@example.com"),
        ("webhook", "ftp://example.com/"),
        ("webhook", "https://user:pass@example.com/"),
        ("webhook", "https://example.com:99999/"),
        ("webhook", "https:///nothing"),
        ("webhook", "https://example.com/a b"),
    ],
)
def test_what_is_no_address_is_refused_in_words(watch: Watch, kind: str, address: str) -> None:
    with pytest.raises(BadAddress):
        add(watch, kind, address)


def test_an_address_is_told_once(watch: Watch) -> None:
    add(watch, "email", "eve@example.com")
    with pytest.raises(NotInState, match="already"):
        add(watch, "email", "eve@example.com")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "192.168.0.1", "0.0.0.0", "::1", "fd00::1",
     "::ffff:127.0.0.1", "2130706433", "100.64.0.1"],
)  # fmt: skip
def test_an_address_inside_a_network_is_never_dialled(host: str) -> None:
    with pytest.raises(dialling.NotDialledError, match="inside a network"):
        dialling.resolve(host, 443, to_private=False)


def test_plain_http_and_closed_ports_are_sentences(settings: Any) -> None:
    with pytest.raises(dialling.NotDialledError, match="only https"):
        dialling.call("POST", "http://example.com/")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(dialling.NotDialledError, match="did not answer"):
            dialling.call("POST", f"http://127.0.0.1:{port}/", to_private=True)


def test_the_ping_goes_out_only_while_all_is_well(watch: Watch, receiver: Receiver, settings: Any) -> None:
    now, hears = watch.work().fleet.now, "SELECT 1 AS a_feed_that_hears"
    assert not pinging.ping(now, listens=hears)
    settings.PING_URL = receiver.url
    assert not pinging.ping(now, listens=hears)
    assert receiver.seen == []
    assert pinging.trouble(now, listens=hears) == "no server hears the feed"
    fail(watch)
    assert "has been due" in pinging.trouble(now + timedelta(minutes=11), listens=hears)


def test_an_email_that_waits_too_long_is_trouble_of_the_cloud(watch: Watch) -> None:
    add(watch, "email", "eve@example.com")
    fail(watch)
    now = watch.work().fleet.now
    with tenancy.scope([watch.fleet.organization.pk]):
        found = pinging.signs(listens="SELECT 1 AS a_feed_that_hears")
    assert found.mail_since == now
    assert not [one for one in pinging.troubles(found, now + timedelta(minutes=5)) if "e-mail" in one]
    told = pinging.troubles(found, now + timedelta(minutes=31))
    assert [one.split(":")[0].split(" since ")[0] for one in told] == [
        "No worker is running", "Work has been waiting", "No server hears what is published",
        "An e-mail has been waiting",
    ]  # fmt: skip


def test_mail_settings_are_read_or_refused() -> None:
    assert not mail.parse("").is_set
    read = mail.parse("smtp://eve:p%40ss@mail.example.com?tls=tls")
    assert (read.host, read.port, read.user, read.password) == ("mail.example.com", 465, "eve", "p@ss")
    for wrong in ("http://mail", "smtp://", "smtp://mail?tls=maybe", "smtp://mail:x", "smtp://mail?a=b"):
        with pytest.raises(ImproperlyConfigured):
            mail.parse(wrong)
