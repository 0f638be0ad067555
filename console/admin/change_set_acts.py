"""What a person may do to a change set from its page: which acts fit its state, and what each one asks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.urls import reverse

from configs import changesets, signing
from configs.changes import Actor
from configs.models import State
from configs.rollouts.policies import PRESETS, Wish
from configs.timed import approving, ending, scheduling, windows
from configs.timed.models import Timing
from configs.timed.scheduling import When
from configs.timed.windows import DAYS, Window
from console.admin.draft_bar import draft_address
from console.admin.links import change_address
from edges.roles import Act

LOCAL = ("%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")


class Dressed(forms.Form):
    """In the desk's look; what is ticked keeps the browser's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if not isinstance(field.widget, forms.CheckboxInput | forms.HiddenInput):
                field.widget.attrs.setdefault("class", "ems-input")


def moment(label: str) -> forms.DateTimeField:
    """What the clocks of a place show."""
    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL[0])
    return forms.DateTimeField(required=False, input_formats=LOCAL, label=label, widget=widget)


class Digest(Dressed):
    preview_digest = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)


class Reason(Dressed):
    reason = forms.CharField(max_length=500, label="Why?")


class Publishing(Digest):
    background = forms.BooleanField(required=False, label="In the background, with progress on this page")


class Comment(Digest):
    rule = forms.IntegerField(required=False, widget=forms.HiddenInput)
    comment = forms.CharField(max_length=500, required=False, label="A word to the author (optional)")


class Rejection(Dressed):
    comment = forms.CharField(max_length=500, label="Why not? The author reads this.")


class Ending(Dressed):
    until = moment("Until (empty: it stays)")
    time_zone = forms.CharField(max_length=64, initial="UTC", label="On the clocks of (time zone)")


class Scheduling(Digest):
    at = moment("At (or give a window below)")
    opens = forms.CharField(required=False, max_length=5, label="Window opens (HH:MM)")
    closes = forms.CharField(required=False, max_length=5, label="Window closes (HH:MM)")
    days = forms.MultipleChoiceField(
        required=False, choices=[(one, one) for one in DAYS], label="Window on (none: every day)"
    )
    time_zone = forms.CharField(max_length=64, initial="UTC", label="On the clocks of (time zone)")
    how = forms.ChoiceField(
        choices=[("", "everywhere at once"), *[(one, f"as a rollout, {one}") for one in PRESETS]],
        required=False,
        label="How",
    )
    until = moment("Until (empty: it stays)")


def act_address(pk: UUID, name: str) -> str:
    return reverse("admin:console_change_set_act", args=[pk, name])


@dataclass(frozen=True)
class Deed:
    """One confirmed act: on what, by whom, when, and what the form said."""

    organization_id: UUID
    change_set_id: UUID
    actor: Actor
    now: datetime
    values: Mapping[str, Any]

    @property
    def which(self) -> dict[str, Any]:
        return {
            "organization_id": self.organization_id,
            "change_set_id": self.change_set_id,
            "actor": self.actor,
            "now": self.now,
        }

    @property
    def digest(self) -> str | None:
        return self.values.get("preview_digest") or None

    def instant(self, name: str) -> datetime | None:
        """What the clocks of the place showed. Errors: ChangeRefused."""
        given: datetime | None = self.values[name]
        return given and windows.instant(given.replace(tzinfo=None), self.values["time_zone"])


@dataclass(frozen=True)
class ChangeSetAct:
    label: str
    act: Act
    says: str
    form: type[forms.Form]
    does: Callable[[Deed], object]
    is_destructive: bool = False
    shows_preview: bool = False
    instead: str = ""  # the act that one takes who does not agree to this one
    waves_first: Callable[[UUID], str] | None = (
        None  # where a far-reaching change is let out in waves instead
    )
    leads: Callable[[UUID], str] = change_address  # where one stands when it is done


def _publish(deed: Deed) -> object:
    if deed.values["background"]:
        return scheduling.schedule(**deed.which, when=When(), preview_digest=deed.digest)
    return changesets.publish_draft(**deed.which, preview_digest=deed.digest, signer=signing.signer())


def _schedule(deed: Deed) -> object:
    given, window = deed.values, None
    if given["opens"] or given["closes"]:
        names = ("time_zone", "opens", "closes", "days")
        window = Window.of({name: given[name] for name in names})
    if window is None and given["at"] is None:
        raise windows.refused("give a time, or the hours of a window", rule="schedule")
    return scheduling.schedule(
        **deed.which,
        when=When(at=deed.instant("at"), window=window),
        wish=Wish(preset=given["how"]) if given["how"] else None,
        until=deed.instant("until"),
        preview_digest=deed.digest,
    )


def _approve(deed: Deed) -> object:
    return approving.approve(
        **deed.which,
        comment=deed.values["comment"],
        preview_digest=deed.digest,
        rule_number=deed.values["rule"],
    )


def _waves_instead(pk: UUID) -> str:
    """Where what is scheduled gets waves; empty: it has them already. One query."""
    has_waves = Timing.objects.filter(pk=pk, rollout__isnull=False).exists()
    return "" if has_waves else act_address(pk, "schedule")


ACTS: Mapping[str, ChangeSetAct] = {
    "publish": ChangeSetAct(
        "Publish now",
        "publish",
        "It takes effect at once, everywhere, exactly as it is previewed here.",
        Publishing,
        _publish,
        shows_preview=True,
        waves_first=draft_address,
    ),
    "schedule": ChangeSetAct(
        "Schedule",
        "publish",
        "It waits, and everything is checked again when its time comes: where anything differs from this "
        "preview then, nothing is published and it is a draft again, with the reason.",
        Scheduling,
        _schedule,
        shows_preview=True,
    ),
    "publish_now": ChangeSetAct(
        "Do not wait: publish now",
        "publish",
        "A worker publishes it as soon as it has time, in the waves that it was scheduled with, if any; the "
        "progress is on its page.",
        Digest,
        lambda deed: scheduling.hurry(**deed.which, preview_digest=deed.digest),
        shows_preview=True,
        waves_first=_waves_instead,
    ),
    "unschedule": ChangeSetAct(
        "Take back",
        "publish",
        "It is a draft again and waits for nothing. Nothing of it is lost.",
        Reason,
        lambda deed: scheduling.unschedule(**deed.which, reason=deed.values["reason"]),
    ),
    "end": ChangeSetAct(
        "Planned end",
        "publish",
        "At its end what it did is reverted by itself; where somebody changed the same since, a draft of the "
        "revert waits for you instead.",
        Ending,
        lambda deed: ending.set_end(**deed.which, until=deed.instant("until")),
    ),
    "request_approval": ChangeSetAct(
        "Request approval",
        "edit",
        "Somebody else of your organization looks at exactly this preview. An edit voids the request.",
        Digest,
        lambda deed: approving.request(**deed.which, preview_digest=deed.digest),
        shows_preview=True,
    ),
    "approve": ChangeSetAct(
        "Approve",
        "approve",
        "You agree to exactly this preview. It may be published after that; you do not publish it.",
        Comment,
        _approve,
        shows_preview=True,
        instead="reject",
    ),
    "reject": ChangeSetAct(
        "Reject",
        "approve",
        "It will not be published as it is. Its author reads why, takes it back, changes it and asks again.",
        Rejection,
        lambda deed: approving.reject(**deed.which, comment=deed.values["comment"]),
        is_destructive=True,
    ),
    "take_back": ChangeSetAct(
        "Take it back as a draft",
        "edit",
        "It is a draft again with every step it had, to be changed, discarded, or asked about anew. A "
        "request for an approval that is still open is void.",
        Reason,
        lambda deed: approving.take_back(**deed.which, reason=deed.values["reason"]),
        leads=draft_address,
    ),
    "cancel": ChangeSetAct(
        "Cancel the change",
        "edit",
        "It will never be published.",
        Reason,
        lambda deed: changesets.cancel(**deed.which, reason=deed.values["reason"]),
        is_destructive=True,
    ),
}
_FITTING: Mapping[str, tuple[str, ...]] = {
    State.DRAFT: ("publish", "schedule", "request_approval", "end", "cancel"),
    State.AWAITING_APPROVAL: ("approve", "reject", "take_back", "request_approval", "cancel"),
    State.REJECTED: ("take_back",),
    State.SCHEDULED: ("schedule", "publish_now", "unschedule", "end", "cancel"),
    State.IN_ROLLOUT: ("end",),
    State.PUBLISHED: ("end",),
}


def fitting(state: str, *, has_rule: bool, is_own: bool) -> list[str]:
    """The acts that fit a state, the most likely first; approvals only where something asks for them.

    `is_own`: of the person who looks at it, whose own word does not count.
    """
    absent = set() if has_rule or state != State.DRAFT else {"request_approval"}
    absent |= {"approve", "reject"} if is_own else set()
    return [one for one in _FITTING.get(state, ()) if one not in absent]
