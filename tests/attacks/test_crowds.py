"""Many at once against two real processes: what may happen once happens once, a limit is a limit."""

import json
import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from doors.models import Bucket
from edge_protocol.keys import new_credential
from edges import enrollment, tenancy
from edges.models import EdgeKey
from tests import build
from tests.attacks.conftest import Target
from tests.sync_api.servers import Answer, ask

CROWD = 20
MOST_CALLS = 20
LIMITS = {"operator": [MOST_CALLS, 0.001, 1, 0], "failed": [400, 0.001, 1, 0]}


def together(count: int, act: Callable[[int], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(act, range(count)))


def token_of(target: Target) -> str:
    with tenancy.scope([target.cast.acme.pk]):
        text, _ = enrollment.issue_token(
            edge=target.cast.acme_north, by="alice", now=datetime.now(UTC), random_bytes=secrets.token_bytes
        )
    return text


def enroll(target: Target, number: int, token: str) -> Answer:
    body = {"token": token, "nonce": f"nonce-{number:04}", "agent_version": "1", "schemas": []}
    headers = [("Content-Type", "application/json")]
    server = target.servers[number % 2]
    return ask(server, "/api/v1/enroll", headers, method="POST", body=json.dumps(body).encode())


def test_twenty_enrollments_with_one_token_give_one_key(target: Target) -> None:
    token = token_of(target)

    answers = together(CROWD, lambda number: enroll(target, number, token))
    statuses = Counter(answer.status for answer in answers)
    assert statuses[201] == 1
    assert set(statuses) <= {201, 401, 429}
    with tenancy.scope([target.cast.acme.pk]):
        fresh = EdgeKey.objects.filter(edge=target.cast.acme_north, first_used_at=None)
        assert fresh.count() == 1


def test_fifty_calls_at_once_stay_within_the_limit_of_their_token(target: Target) -> None:
    _, token = build.make_operator_token(target.cast.alice, target.cast.acme)

    def read(number: int) -> Answer:
        headers = [("Authorization", f"Bearer {token}")]
        return ask(target.servers[number % 2], "/api/v1/organizations", headers)

    answers = together(50, read)
    assert Counter(answer.status for answer in answers) == {200: MOST_CALLS, 429: 50 - MOST_CALLS}
    assert all(int(answer["retry-after"]) > 0 for answer in answers if answer.status == 429)


def test_a_crowd_of_rotations_leaves_one_candidate(target: Target) -> None:
    _, key = build.make_key(target.cast.acme_south)

    def rotate(number: int) -> Answer:
        path = "/api/v1/edges/acme-south-1/keys/rotate"
        return ask(target.servers[number % 2], path, [("X-API-Key", key)], method="POST")

    answers = together(CROWD, rotate)
    assert {answer.status for answer in answers} == {201}
    with tenancy.scope([target.cast.acme.pk]):
        pending = EdgeKey.objects.filter(edge=target.cast.acme_south, pending=True, revoked_at=None)
        assert pending.count() == 1


def test_invented_tokens_fill_no_table(target: Target) -> None:
    before = set(Bucket.objects.values_list("key", flat=True))
    tokens = [new_credential("emsn", secrets.token_bytes).text for _ in range(CROWD)]
    answers = together(CROWD, lambda number: enroll(target, number, tokens[number]))
    assert {answer.status for answer in answers} == {401}
    assert set(Bucket.objects.values_list("key", flat=True)) - before <= {"failed:127.0.0.1"}
