"""Pictures of the page: of a scene that holds together."""

from bench.screens import LINES, PEOPLE, parser


def test_the_scene_is_of_people_who_are_there():
    names = {name for line in LINES for name in line[:2]}
    assert names == set(PEOPLE)
    assert all(line[3] < at for at, line in enumerate(LINES) if len(line) == 4)
    assert parser().parse_args([]).out.name == "screens"
