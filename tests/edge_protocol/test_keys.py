"""Credentials: one shape, a checksum, three kinds that are never mixed up."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_protocol.errors import CredentialError
from edge_protocol.keys import KINDS, is_edge_id, make_credential, new_credential, parse_credential
from tests.edge_protocol.build import vectors

KEY = vectors("protocol-v1")["edge_key"]["key"]


@given(st.sampled_from(KINDS), st.randoms(use_true_random=False))
def test_a_fresh_credential_is_read_back(kind: str, random: object) -> None:
    credential = new_credential(kind, random.randbytes)  # type: ignore[attr-defined]
    assert parse_credential(credential.text, kind) == credential
    assert len(credential.text) == 4 + 1 + 12 + 1 + 43 + 6
    for other in KINDS:
        if other != kind:
            with pytest.raises(CredentialError):
                parse_credential(credential.text, other)


@given(st.integers(0, len(KEY) - 1), st.sampled_from("0Az_ é\n"))
def test_one_wrong_letter_is_noticed(position: int, letter: str) -> None:
    wrong = KEY[:position] + letter + KEY[position + 1 :]
    if wrong != KEY:
        with pytest.raises(CredentialError):
            parse_credential(wrong, "emse")


@pytest.mark.parametrize(
    "text", ["", "emse_", KEY + "\n", " " + KEY, KEY[:-1], KEY + "A", KEY.upper(), KEY.replace("_", "-")]
)
def test_another_shape_is_refused_in_the_same_words(text: str) -> None:
    with pytest.raises(CredentialError) as caught:
        parse_credential(text, "emse")
    assert caught.value.detail == "not a credential of this kind"


def test_parts_of_another_shape_make_no_credential() -> None:
    with pytest.raises(CredentialError):
        make_credential("emse", "short", "x" * 43)


def test_a_credential_hides_its_text() -> None:
    assert KEY not in repr(parse_credential(KEY, "emse"))


def test_bytes_that_would_favour_some_letters_are_thrown_away() -> None:
    rounds = itertools.cycle([range(248, 256), range(0, 62), range(186, 248)])

    def bytes_of_a_round(length: int) -> bytes:
        return bytes(itertools.islice(itertools.cycle(next(rounds)), length))

    text = new_credential("emse", bytes_of_a_round).text
    assert text.startswith("emse_0123456789AB_0123456789ABCDEF")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("ab", True),
        ("0-_", True),
        ("a" * 63, True),
        ("a", False),
        ("a" * 64, False),
        ("-a", False),
        ("A1", False),
        ("a b", False),
        ("ab\n", False),
        ("", False),
    ],
)
def test_an_edge_id_has_its_shape(text: str, is_one: bool) -> None:
    assert is_edge_id(text) is is_one
