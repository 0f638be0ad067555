"""Where an edge's identity begins, is renewed and is anchored: enrollment, key rotation, trust roots."""

import secrets
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from doors import limits, problems
from doors.authentication import failed
from doors.bodies import ENROLL_BYTES
from doors.views import Door, EdgeView, EitherView
from edge_protocol.errors import CredentialError
from edge_protocol.instants import format_instant
from edge_protocol.keys import ENROLLMENT_TOKEN, parse_credential
from edge_protocol.messages import EnrollAnswer, EnrollRequest, KeyRotated, TrustPin
from edges import credentials, enrollment, keys
from edges.errors import EnrollTokenInvalid
from edges.models import TrustRoot
from sync_api import openapi


class EnrollView(Door):
    """`POST /enroll`: the only call without a key; the token in the body is the credential."""

    body_bytes = ENROLL_BYTES

    @extend_schema(**openapi.ENROLL)
    def post(self, request: Request) -> Response:
        asked = EnrollRequest.from_dict(self.json(request))
        try:
            self._count(asked.token)
            enrolled = enrollment.enroll(
                token=asked.token,
                nonce=asked.nonce,
                agent_version=asked.agent_version,
                schemas=asked.schemas,
                hardware_id=asked.hardware_id,
                now=self.now,
                random_bytes=secrets.token_bytes,
            )
        except (EnrollTokenInvalid, CredentialError) as refused:
            raise enroll_token_invalid(request) from refused
        answer = EnrollAnswer(
            edge_id=enrolled.edge_id,
            edge_uid=str(enrolled.edge_uid),
            org_uid=str(enrolled.org_uid),
            key_id=enrolled.key_id,
            key=enrolled.key,
            trust_root=first_root(),
        )
        return secret(answer.to_dict())

    def _count(self, text: str) -> None:
        """A token that exists has a bucket; invented ones count for the address alone, and fill no table."""
        credential = parse_credential(text, ENROLLMENT_TOKEN)
        if credentials.read_door(credential) is None:
            raise EnrollTokenInvalid
        limits.count("enroll", credential.key_id)


def enroll_token_invalid(request: Request) -> problems.Refused:
    refused = failed(request._request, "The token is unknown, used or expired.")
    refused.code = "enroll_token_invalid"
    return refused


def first_root() -> TrustPin:
    """What an edge starts trusting: root 1, by its digest."""
    sha256 = TrustRoot.objects.values_list("sha256", flat=True).get(root_version=1)
    return TrustPin(root_version=1, sha256=sha256)


class RotateView(EdgeView):
    """`POST /edges/{edge_id}/keys/rotate`: a candidate that its first use confirms."""

    body_bytes = ENROLL_BYTES

    @extend_schema(**openapi.ROTATE)
    def post(self, request: Request, **_: Any) -> Response:
        self.json(request, required=False)
        rotated = keys.rotate(principal=self.principal, now=self.now, random_bytes=secrets.token_bytes)
        answer = KeyRotated(
            key_id=rotated.key_id,
            key=rotated.key,
            old_key_expires_at=format_instant(rotated.old_key_expires_at),
        )
        return secret(answer.to_dict())


def secret(answer: dict[str, Any]) -> Response:
    """An answer that nobody on the way may keep."""
    return Response(answer, status=201, headers={"Cache-Control": "no-store"})


class TrustRootView(EitherView):
    """`GET /trust/roots/{n}`: an immutable envelope."""

    @extend_schema(**openapi.TRUST_ROOT)
    def get(self, _: Request, root_version: int) -> Response:
        row = TrustRoot.objects.filter(root_version=root_version).first()
        if row is None:
            raise problems.Refused(404, "not_found", "This trust root is not issued yet.")
        return Response(row.envelope, headers={"Cache-Control": "private, max-age=31536000, immutable"})
