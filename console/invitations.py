"""The link of an invitation, and its mail."""

from django.conf import settings
from django.core.mail import send_mail
from django.http import HttpRequest
from django.urls import reverse

from edges.models import Invitation


def link(request: HttpRequest, code: str) -> str:
    """The code stands behind the #: browsers keep that to themselves, so no log of any server has it."""
    base = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    return f"{base}{reverse('admin:console_join')}#{code}"


def mail(invitation: Invitation, address: str, organization: str) -> bool:
    """Send the link where mail is set up; False: it is to be handed over by hand."""
    if not settings.EMAIL_IS_SET:
        return False
    text = (
        f"{invitation.created_by} invites you to {organization} as {invitation.role}.\n\n"
        f"Open this link before {invitation.expires_at:%Y-%m-%d %H:%M} UTC; it works once:\n{address}\n"
    )
    sent = send_mail(f"Invitation to {organization}", text, None, [invitation.email], fail_silently=True)
    return bool(sent)
