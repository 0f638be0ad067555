"""The waves of a rollout: as a person types them, and as they would be, edge by edge."""

import re
from typing import Any

from django import forms

from configs.refusals import ChangeError, ChangeRefused
from configs.rollouts import policies
from configs.rollouts.foreseeing import Waves
from configs.rollouts.policies import NORMAL, ON_FAIL, PRESETS, Share, Wish
from console.admin.forecast_words import NAMED
from console.admin.words import count, named

OWN = "own"
SHARE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,2})?)\s*(%?)")
SHARES = ("share_1", "share_2", "share_3")
WORDS = {
    "hold": "stop, and wait for a person",
    "roll_back_wave": "take the wave back",
    "roll_back_all": "take everything back",
}


class Typed(forms.CharField):
    """`5 %` or `5`: a percentage, or a number; None where nothing was typed."""

    def clean(self, value: Any) -> tuple[float, bool] | None:
        text = str(super().clean(value)).strip()
        if not text:
            return None
        found = SHARE.fullmatch(text)
        if found is None or float(found[1]) <= 0:
            raise forms.ValidationError(
                f"{text!r} is neither a percentage such as 5 % nor a number of edges."
            )
        return float(found[1]), found[2] == "%"


class WavesForm(forms.Form):
    preset = forms.ChoiceField(
        choices=[*((name, name) for name in PRESETS), (OWN, "my own waves")], initial=NORMAL, required=False
    )
    share_1 = Typed(required=False, max_length=20, label="Wave 1")
    share_2 = Typed(required=False, max_length=20, label="Wave 2")
    share_3 = Typed(required=False, max_length=20, label="Wave 3")
    bake_minutes = forms.IntegerField(required=False, min_value=0, max_value=43_200, label="Watch each wave")
    limit = Typed(required=False, max_length=20, label="Limit of failures")
    on_fail = forms.ChoiceField(choices=[(name, WORDS[name]) for name in ON_FAIL], required=False)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("preset") == OWN and not any(given.get(name) for name in SHARES):
            raise forms.ValidationError(
                "Name at least one wave: a percentage such as 5 %, or a number of edges."
            )
        if not self.errors:
            _check(self.wish())
        return given

    def complaints(self) -> list[str]:
        return [str(text) for texts in self.errors.values() for text in texts]

    def wish(self) -> Wish:
        """What a valid form asks for."""
        given = self.cleaned_data
        if given["preset"] != OWN:
            return Wish(preset=given["preset"] or NORMAL)
        shares = [_share(*given[name]) for name in SHARES if given[name]]
        knobs: dict[str, Any] = {"on_fail": given["on_fail"]} if given["on_fail"] else {}
        if given["bake_minutes"] is not None:
            knobs["bake_seconds"] = given["bake_minutes"] * 60
        if given["limit"]:
            number, is_percent = given["limit"]
            knobs |= {"bad_percent": number} if is_percent else {"bad_limit": int(number)}
        return Wish(preset=NORMAL, shares=shares, knobs=knobs)


def _check(wish: Wish) -> None:
    """Errors: ValidationError with what makes no sense."""
    try:
        policies.check(wish)
    except ChangeRefused as refused:
        raise forms.ValidationError([_told(one) for one in refused.errors]) from refused


def _told(wrong: ChangeError) -> str:
    place = wrong.path.rsplit("/", 1)[-1]
    return f"Wave {int(place) + 1}: {wrong.detail}." if place.isdigit() else f"{wrong.detail}."


def wish_of(form: WavesForm) -> Wish | None:
    """What the form asks for: unsent, the preset that it offers; None where something in it is wrong."""
    if not form.is_bound:
        return Wish(preset=NORMAL)
    return form.wish() if form.is_valid() else None


def told(found: Waves | None, wish: Wish | None) -> dict[str, Any]:
    """Wave by wave in words, for the page."""
    if found is None or wish is None:
        return {}
    return {
        "planned": [
            {
                "name": f"Wave {number}, {one.name}",
                "reach": f"{count(len(one.edges), 'edge')} in {count(one.sites, 'site')}",
                "silent": f"{one.silent:,}" if one.silent else "",
                "names": named(one.edges, most=NAMED),
            }
            for number, one in enumerate(found.waves, 1)
        ],
        "planned_of": "your own waves" if wish.shares is not None else f"the preset {wish.preset}",
        "outside": count(found.outside, "edge") if found.outside else "",
    }


def _share(number: float, is_percent: bool) -> Share:
    return Share(percent=number) if is_percent else Share(count=max(1, int(number)))
