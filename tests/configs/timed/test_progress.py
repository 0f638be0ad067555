"""How far a publishing is, seen by others before it is committed; a worker that dies in the middle."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg
import pytest

from configs.signing import Signer
from configs.timed.scheduling import When
from tests.configs.conftest import make_signer, make_world
from tests.configs.timed.conftest import Waiting
from tests.databases import Database


class Killed(BaseException):
    """As a power cut: nothing of ours catches it."""


@dataclass(frozen=True)
class Watching(Signer):
    """Looks, at each signature, at what others see; dies at the second one if it is to."""

    look: Callable[[], tuple[Any, ...]] = tuple
    dies: bool = True
    seen: list[tuple[Any, ...]] = field(default_factory=list)

    def sign_manifest(self, manifest: Any) -> Any:
        self.seen.append(self.look())
        if self.dies and len(self.seen) == 2:
            raise Killed
        return super().sign_manifest(manifest)


def test_others_see_it_and_a_killed_worker_leaves_everything_to_the_next(committed: Database) -> None:
    waiting = Waiting(make_world())
    made = waiting.draft()
    waiting.schedule(made, When())

    def look() -> tuple[Any, ...]:
        with psycopg.connect(committed.owner_url) as other:
            other.execute("select set_config('ems.orgs', %s, false)", [str(waiting.world.organization.pk)])
            asked = (
                "select p.phase, p.done, p.of, c.state from configs_progress p"
                " join configs_changeset c on c.id = p.change_set_id"
            )
            found = other.execute(asked).fetchone()
        assert found is not None
        return found

    signer = Watching(make_signer().key, look=look)
    waiting.world.desk.signer = signer
    assert look() == ("waiting", 0, 0, "scheduled")
    with pytest.raises(Killed):
        waiting.work()
    assert signer.seen == [("signing", 0, 2, "scheduled")] * 2
    assert waiting.versions() == {1}
    waiting.world.desk.signer = replace(signer, dies=False)
    assert waiting.work() == ["change_set"]
    assert look() == ("published", 2, 2, "published")
    assert waiting.versions() == {2}
