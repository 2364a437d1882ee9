"""The family of errors that crypto raises."""

import pytest

from crypto.errors import BadToken, Tampered, UnknownKey, WeakKey


def test_a_weak_key_is_a_wrong_value_so_that_settings_can_report_it() -> None:
    assert issubclass(WeakKey, ValueError)


@pytest.mark.parametrize("error", [BadToken, Tampered, UnknownKey])
def test_no_other_error_can_be_mistaken_for_a_wrong_value(error: type[Exception]) -> None:
    assert not issubclass(error, ValueError)


def test_the_errors_are_told_apart() -> None:
    family = (BadToken, Tampered, UnknownKey, WeakKey)
    assert all(one is other or not issubclass(one, other) for one in family for other in family)
