"""Nobody compares what a connection was given with the head of its log: what the bus has lost stays lost."""

from actions import repair


def plant() -> None:
    async def repair_nothing(*_) -> None:
        pass

    # The sweep, and the look at the head that a ping asks for.
    assert callable(repair.repair)
    assert callable(repair._mend)
    repair.repair = repair._mend = repair_nothing
