"""Whom to call about a site, and how to get in. Every change keeps its history."""

from datetime import datetime

from django.core.exceptions import ValidationError

from edges.errors import ValueRefusedError
from edges.models import Contact, Site

MOST_NOTES = 4000


def add(*, site: Site, name: str, role: str = "", phone: str = "", email: str = "", now: datetime) -> Contact:
    """A new contact of the site. Needs a scope. Errors: ValueRefusedError."""
    made = Contact(organization_id=site.organization_id, site=site, created_at=now)
    return _save(made, {"name": name, "role": role, "phone": phone, "email": email})


def change(*, contact: Contact, **values: str) -> Contact:
    """Some of name, role, phone, email. Needs a scope. Errors: ValueRefusedError."""
    return _save(contact, values)


def remove(*, contact: Contact) -> None:
    """Its history stays. Needs a scope."""
    contact.delete()


def note_access(*, site: Site, text: str) -> Site:
    """How somebody gets to the plant. Needs a scope. Errors: ValueRefusedError."""
    if len(text) > MOST_NOTES:
        raise ValueRefusedError("access_notes", f"Access notes have up to {MOST_NOTES} characters.")
    site.access_notes = text.strip()
    site.save(update_fields=["access_notes"])
    return site


def _save(contact: Contact, values: dict[str, str]) -> Contact:
    for name, value in values.items():
        setattr(contact, name, value.strip())
    try:
        contact.clean_fields(exclude=["organization", "site"])
    except ValidationError as error:
        field, complaints = next(iter(error.message_dict.items()))
        raise ValueRefusedError(field, complaints[0]) from error
    if not contact.phone and not contact.email:
        raise ValueRefusedError("phone", "A contact needs a telephone number or an e-mail address.")
    contact.save()
    return contact
