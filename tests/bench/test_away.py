"""What waits for whom is laid out evenly, and a prepared state is kept where only its owner reads it."""

from collections import Counter

from bench.away import WRITERS_EACH, Away, State, found, letters


def state(people: int = 7, waiting: int = 6) -> State:
    return State("run", waiting, 100, [Away(f"to{index}", "token", index, "epoch") for index in range(people)])


def test_each_person_is_written_every_message_once_by_a_few():
    said = letters(state(), ["a", "b", "c"])
    written = Counter(letter for some in said.values() for letter in some)
    texts = state().texts
    assert written == {(f"to{person}", texts.make(person, number)): 1 for person in range(7) for number in range(6)}
    for person in range(7):
        assert sum(any(name == f"to{person}" for name, _ in some) for some in said.values()) == WRITERS_EACH


def test_the_work_is_divided_among_those_who_write():
    sizes = [len(some) for some in letters(state(people=60, waiting=20), ["a", "b", "c", "d"]).values()]
    assert sizes == [300] * 4


def test_one_who_writes_alone_writes_everything():
    assert [len(some) for some in letters(state(), ["a"]).values()] == [42]


def test_what_is_kept_is_found_again_and_private(tmp_path):
    path = tmp_path / "storm.json"
    state().keep(path)
    assert found(path) == state()
    assert path.stat().st_mode & 0o777 == 0o600
