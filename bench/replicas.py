"""M5: two instances of one service, against one of them, in the same round."""

from collections.abc import Iterator, Mapping

from bench.goals import ALONE, APART, CALM, CALM_APART, MAIN, TOGETHER
from bench.results import Run
from bench.stage import Bench

BUSY = ("--in-flight", 8)
MODEST = ("--rate", 500)

# Case → what load.py is asked for, and whether the second instance takes part.
CASES: Mapping[str, tuple[tuple[object, ...], bool]] = {
    ALONE: (BUSY, False),
    TOGETHER: (BUSY, True),
    APART: ((*BUSY, "--apart"), True),
    CALM: (MODEST, True),
    CALM_APART: ((*MODEST, "--apart"), True),
}


def two_instances(bench: Bench) -> Iterator[Run]:
    """M5."""
    first, second = bench.pair()
    spare = float(bench.cores.has_spare)
    with first, second:
        for turn in range(bench.size.rounds):
            found = {}
            for case, (options, both) in CASES.items():
                others = (second,) if both else ()
                found[case] = bench.load(first, "--pairs", bench.size.pairs, *options, others=others)
                told = f"{found[case]['per_second']:,.0f}/s, p50 {found[case]['p50_ms']:.1f} ms"
                bench.tell(f"M5 {case}: {told}, {found[case]['server_cpu_us']:.0f} µs")
            for case, values in compared(found).items():
                yield Run("M5", case, MAIN, turn, {**values, "spare": spare})


def compared(found: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """The figures of one round, those of two instances with what they are beside one.

    `times_by_cpu`: what two carry, in relation to one, when each has a core of its own that it fills; for the CPU of
    a message, in both instances together, does not depend on how many cores there are.
    """
    told = {case: dict(values) for case, values in found.items()}
    one = found[ALONE]
    for case in (TOGETHER, APART):
        told[case]["times_one"] = found[case]["per_second"] / one["per_second"]
        told[case]["times_by_cpu"] = 2 * one["server_cpu_us"] / found[case]["server_cpu_us"]
    told[CALM_APART]["added_p50_ms"] = found[CALM_APART]["p50_ms"] - found[CALM]["p50_ms"]
    return told
