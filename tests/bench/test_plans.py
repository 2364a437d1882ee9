"""A plan's cost is that of all its nodes; a scan that uses no index is told with its table."""

from bench.plans import Cost, cost_of


def node(kind: str, *below: dict, **more: object) -> dict:
    return {"Node Type": kind, "Plans": list(below), **{key.replace("_", " "): value for key, value in more.items()}}


def test_pages_are_counted_at_the_top_where_those_below_are_counted_in():
    inner = node("Index Scan", Relation_Name="messages", Shared_Hit_Blocks=5)
    found = cost_of([node("Limit", inner, Shared_Hit_Blocks=5, Shared_Read_Blocks=2), node("Result")])
    assert found == Cost(statements=2, pages=7, other_scans=())


def test_whatever_reads_a_table_and_not_an_index_is_told():
    deep = node("Limit", node("Append", node("Seq Scan", Relation_Name="messages")))
    heap = node("Bitmap Heap Scan", node("Bitmap Index Scan", Index_Name="messages_sent"), Relation_Name="messages")
    assert cost_of([deep, heap]).other_scans == ("Seq Scan on messages", "Bitmap Heap Scan on messages")


def test_what_uses_an_index_or_reads_no_table_is_not_told():
    plans = [
        node("Index Only Scan", Relation_Name="messages"),
        node("Values Scan", Alias="wanted"),
        node("Seq Scan", Relation_Name="facts"),
    ]
    assert cost_of(plans).other_scans == ()
