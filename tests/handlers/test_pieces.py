"""What the page is put together from can be read by eye, by ear and on a telephone."""

from handlers.markup import element
from handlers.pieces import article, field_list, kind, named, part, shape_link, table
from handlers.shapes import Field, Kind

NAME = Field("username", Kind("string", None, ("3 to 32 characters",)), required=True)
MORE = Field("<b>", Kind("array of", "v1.Message", ()), required=False)


def test_a_part_and_an_article_are_named_by_their_heading() -> None:
    assert part("a", "A", "text") == '<section aria-labelledby="a"><h2 id="a">A</h2>text</section>'
    assert article(4, "b", "B") == '<article aria-labelledby="b"><h4 id="b">B</h4></article>'


def test_fields_are_told_with_kind_and_bounds_and_what_may_be_left_out() -> None:
    told = field_list([NAME, MORE])
    assert "<dt><code>username</code></dt>" in told
    assert '<span class="kind"> <span>string</span> <span>3 to 32 characters</span></span></dd>' in told
    assert "<dt><code>&lt;b&gt;</code></dt>" in told
    assert told.count("<i>optional</i>") == 1


def test_no_fields_have_no_heading() -> None:
    assert named("Body", []) == []
    assert named("Body", [NAME])[0] == "<h5>Body</h5>"


def test_a_shape_is_linked_by_its_name_without_the_dialect() -> None:
    assert shape_link("v1.Message") == shape_link("Message") == '<a href="#shape-Message">Message</a>'
    assert '<span>array of</span> <span><a href="#shape-Message">' in kind(MORE.kind)


def test_each_cell_of_a_table_says_which_column_it_is_of() -> None:
    told = table("t", "T", ("code", "what now"), [("1008", element("b", "x")), ("<", "y")])
    assert '<td role="cell" data-head="code">1008</td><td role="cell" data-head="what now"><b>x</b></td>' in told
    assert "&lt;" in told
    assert told.count('role="row"') == 3
    assert 'role="table" aria-labelledby="t"' in told
