"""What previews promised, so that a publish which would do something else can name the difference."""

from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

from configs import outcomes
from configs.models import Preview as Promise
from configs.outcomes import Preview
from configs.refusals import PreviewChanged

KEPT = timedelta(days=2)


def keep(organization_id: UUID, preview: Preview, *, now: datetime) -> None:
    """Remember a preview for a while. Needs a scope."""
    Promise.objects.filter(organization_id=organization_id, created_at__lt=now - KEPT).delete()
    Promise.objects.bulk_create(
        [
            Promise(
                organization_id=organization_id,
                digest=preview.preview_digest,
                edges=preview.edges,
                created_at=now,
            )
        ],
        ignore_conflicts=True,
    )


def compare(organization_id: UUID, promised: str, preview: Preview) -> None:
    """Errors: PreviewChanged with the edges whose fate is another now. Needs a scope."""
    if promised != preview.preview_digest:
        _refuse(organization_id, promised, preview)


def _refuse(organization_id: UUID, promised: str, preview: Preview) -> NoReturn:
    kept = Promise.objects.filter(organization_id=organization_id, digest=promised).first()
    if kept is None:
        detail = (
            "The preview is not known (another change, or too old): what would happen now is in `preview`."
        )
        raise PreviewChanged(detail, difference=None, preview=preview.to_dict())
    changed = outcomes.difference(kept.edges, preview.edges)
    detail = f"Since the preview the change would do something else for {len(changed)} edges."
    if not changed:
        detail = "The preview was of other operations."
    raise PreviewChanged(detail, difference=changed, preview=preview.to_dict())
