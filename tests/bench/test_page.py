"""What is said of the page is told by figures: its weight, its frames, its section among the results."""

from bench.page import frames_of, weights


def test_the_weight_of_all_is_the_sum_of_the_files():
    rows = weights()
    *files, whole = [[name, *(int(cell.replace(",", "")) for cell in cells)] for name, *cells in rows]
    assert [row[0] for row in files] == ["index.html", "sw.js", "app.js", "app.css", "early.js", "icon.svg"]
    assert whole[1:] == [sum(row[1] for row in files), sum(row[2] for row in files)]
    assert all(0 < row[2] < row[1] for row in files if row[0] != "icon.svg")


def test_the_page_keeps_to_its_budget():
    assert int(weights()[-1][2].replace(",", "")) <= 100_000


def test_frames_are_told_by_median_tail_and_share_of_slow_ones():
    times = [16.0] * 98 + [60.0, 70.0]
    assert frames_of(times) == (16.0, 70.0, 0.02)
    assert frames_of([60.0, 10.0]) == (35.0, 60.0, 0.5)
