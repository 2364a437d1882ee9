"""Drafts: whose they are, and where they have been placed."""

from models.drafts import people_of, placed
from tests.models.storage import draft


def test_a_draft_is_known_by_its_sender_and_the_clients_id() -> None:
    assert draft(1, 2, client_id=b"c" * 16).identity == (1, b"c" * 16)
    assert draft(1, 2).identity != draft(1, 2).identity


def test_everybody_concerned_is_named_once() -> None:
    assert people_of([draft(1, 2), draft(2, 1), draft(3, 3)]) == {1, 2, 3}


def test_what_was_placed_is_told_to_both_the_sender_first() -> None:
    assert placed(draft(2, 1), 7, 4, 9).positions == ((2, 4), (1, 9))


def test_a_note_and_what_was_withheld_are_told_to_the_sender_alone() -> None:
    assert placed(draft(2, 2), 7, 4, 4).positions == ((2, 4),)
    assert placed(draft(2, 1), 7, 4, None).positions == ((2, 4),)
