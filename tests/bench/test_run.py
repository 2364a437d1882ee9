"""The command line of `make bench`, and which files it may overwrite."""

import pytest

from bench.goals import TITLES
from bench.machine import Cores, share
from bench.rows import ROWS
from bench.run import HERE, files_of, parser, remarks_of, size_of
from bench.stage import QUICK, Size


def test_only_the_whole_goes_into_the_files_of_the_project():
    assert files_of(parser().parse_args([])) == (HERE / "RESULTS.md", HERE / "results.json")
    for part in (["--quick"], ["--rows", "M1"], ["--table", "1000"]):
        table, figures = files_of(parser().parse_args(part))
        assert HERE not in (table.parent, figures.parent)


def test_a_file_that_is_asked_for_has_its_json_beside_it(tmp_path):
    table, figures = files_of(parser().parse_args(["--out", str(tmp_path / "mine.md")]))
    assert (table, figures) == (tmp_path / "mine.md", tmp_path / "mine.json")


def test_rows_are_chosen_by_name_in_any_case(capsys):
    assert parser().parse_args(["--rows", "m1, M8"]).rows == ("M1", "M8")
    with pytest.raises(SystemExit):
        parser().parse_args(["--rows", "M99"])
    assert "no row M99" in capsys.readouterr().err


def test_quick_is_said_to_be_quick():
    assert "Quick" in remarks_of(QUICK, Cores(), 10.0, quick=True)[0]
    assert "Quick" not in " ".join(remarks_of(Size(), Cores(), 10.0, quick=False))


def test_the_large_table_is_as_large_as_is_asked_for():
    assert size_of(parser().parse_args([])) == Size()
    assert size_of(parser().parse_args(["--quick"])) == QUICK
    assert size_of(parser().parse_args(["--table", "5000"])).table == 5000


@pytest.mark.parametrize(("cores", "told"), [(2, True), (4, False)])
def test_it_is_told_when_there_was_no_core_for_a_second_instance(cores, told):
    remarks = " ".join(remarks_of(Size(), share(range(cores)), 1.0, quick=False))
    assert ("no core to spare" in remarks) is told


def test_each_row_that_can_be_measured_has_a_title():
    assert set(TITLES) - set(ROWS) == {"M2"}  # comes with M1
