"""The table of rows: what each measures, what its columns say, and what is wanted of it.

Wanted of Recado with everything on (PostgreSQL, the Redis bus, sealed texts, positions, limits). Absolute numbers
were set on another machine; ratios carry over.
"""

from bench.load import TITLES as LOAD_TITLES
from bench.results import Goal
from bench.storm import TITLES as STORM_TITLES

MAIN = "Recado, PostgreSQL + Redis"
ON_SQLITE = "Recado, SQLite"
SMALL, LARGE = "small table", "large table"

TITLES = {
    "M1": "durable messages a second on one core, 25 pairs, 100 characters",
    "M2": "server CPU per message, in the same runs",
    "M3": "latency at a steady 2,000 messages/s (open loop)",
    "M4": "memory per idle signed-in socket",
    "M5": "two instances of one service (which cores they had: see above)",
    "M6": "reconnect storm: 5,000 clients come back at once, 20 messages wait for each",
    "M7": "a page of 50 out of a large table (10⁷ messages) and out of a small one (10³)",
    "M8": "start to first answer (/livez), warm cache",
    "M9": "CPU of single calls",
}

_CPU = ("server_cpu_us", "server_cpu_percent", "database_cpu_us", "database_cpu_percent", "load_cpu_percent")
_LATENCY = ("p50_ms", "p90_ms", "p99_ms", "max_ms", "per_second", "lag_p99_ms", "server_cpu_percent", "sign_ins")
_TWO = ("server_cpu_us", "server_cpu_percent", "database_cpu_percent", "load_cpu_percent")
_STORM = (
    *("seconds", "p50_s", "p99_s", "clients", "lost", "wrong", "again", "probes", "not_ready", "slowest_ready_ms"),
    *("server_cpu_us", "server_cpu_percent", "database_cpu_percent", "load_cpu_percent", "prepared_seconds"),
)

COLUMNS = {
    "M1": {key: LOAD_TITLES[key] for key in ("per_second", "p50_ms", "p99_ms", "load_cpu_percent")},
    "M2": {key: LOAD_TITLES[key] for key in _CPU},
    "M3": {key: LOAD_TITLES[key] for key in _LATENCY},
    "M4": {"kb_per_socket": "KB per socket"},
    "M5": {
        "per_second": "messages/s",
        "times_one": "÷ one instance",
        "times_by_cpu": "÷ one, if each filled a core of its own (by CPU per message)",
        "p50_ms": "latency p50, ms",
        "p99_ms": "latency p99, ms",
        "added_p50_ms": "p50 more than on one, ms",
        **{key: LOAD_TITLES[key] for key in _TWO},
        "spare": "cores to spare for the second",
    },
    "M6": {key: STORM_TITLES[key] for key in _STORM},
    "M7": {
        "cost_us": "CPU per call, server and databases, µs",
        "times_cost_us": "CPU ÷ small",
        "cpu_us": "server CPU per call, µs",
        "database_cpu_us": "databases' CPU per call, µs",
        "wall_us": "time per call, µs",
        "times_wall_us": "time ÷ small",
        "pages": "pages of 8 KB that its statements touch",
        "statements": "statements",
        "other_scans": "scans without an index",
        "messages": "messages filled in",
        "filling_seconds": "seconds to fill",
    },
    "M8": {"milliseconds": "milliseconds"},
    "M9": {"cpu_us": "server CPU per call, µs", "wall_us": "time per call, µs"},
}

ONE, EIGHT = "1 in flight", "8 in flight"
STEADY, SIGNING_IN = "steady", "while people sign in"
ALONE, TOGETHER, APART = "one alone", "two, each pair on one of them", "two, each pair apart"
CALM, CALM_APART = "500/s on two, each pair on one of them", "500/s on two, each pair apart"
WARM, COLD = "the server has stayed", "the server was restarted"
OWN, WITH_PEER, DEEP, QUIET = "own messages", "with a peer", "the oldest (before=)", "own, of one who writes little"
CONVERSATIONS, EVENTS, OLD_EVENTS = "20 conversations", "the newest events", "the oldest events"
CHECK, LIST = "check-username", "50 messages"

GOALS = (
    Goal("M1", EIGHT, MAIN, "per_second", 7100, at_least=True, told="8 in flight: ≥ 7,100 messages/s"),
    Goal("M1", EIGHT, MAIN, "per_second", 0.4, at_least=True, of_relay=True, told="8 in flight: ≥ 0.40 of the relay"),
    Goal("M1", ONE, MAIN, "per_second", 5000, at_least=True, told="1 in flight: ≥ 5,000 messages/s"),
    Goal("M2", EIGHT, MAIN, "server_cpu_us", 110, told="8 in flight: ≤ 110 µs of server CPU per message"),
    Goal("M2", ONE, MAIN, "server_cpu_us", 160, told="1 in flight: ≤ 160 µs of server CPU per message"),
    Goal("M3", STEADY, MAIN, "p50_ms", 5, told="p50 ≤ 5 ms"),
    Goal("M3", STEADY, MAIN, "p99_ms", 20, told="p99 ≤ 20 ms"),
    Goal("M3", SIGNING_IN, MAIN, "p99_ms", 50, told="p99 ≤ 50 ms while people sign in"),
    Goal("M4", "", MAIN, "kb_per_socket", 12, told="≤ 12 KB per socket"),
    *(
        Goal("M5", case, MAIN, key, 1.7, at_least=True, told=f"{case}: ≥ 1.7 × one{how}")
        for case in (TOGETHER, APART)
        for key, how in (("times_one", " (asked with cores to spare)"), ("times_by_cpu", ", by CPU per message"))
    ),
    Goal("M5", CALM_APART, MAIN, "added_p50_ms", 3, told="from instance to instance: ≤ 3 ms more at p50"),
    *(
        Goal("M6", case, MAIN, key, bound, told=f"{case}: {told}")
        for case in (WARM, COLD)
        for key, bound, told in (
            ("seconds", 20, "≤ 20 s"),
            ("lost", 0, "nothing lost"),
            ("wrong", 0, "nothing doubled, out of order or changed"),
            ("not_ready", 0, "readiness stays true"),
        )
    ),
    *(
        Goal("M7", case, LARGE, key, bound, told=f"{case}: {told}")
        for case in (OWN, WITH_PEER, DEEP, QUIET, CONVERSATIONS, EVENTS, OLD_EVENTS)
        for key, bound, told in (("times_cost_us", 1.2, "≤ 1.2 × the small table"), ("other_scans", 0, "indexes only"))
    ),
    Goal("M8", "", ON_SQLITE, "milliseconds", 350, told="≤ 350 ms"),
    Goal("M9", CHECK, MAIN, "cpu_us", 250, told="check-username: ≤ 250 µs"),
    Goal("M9", LIST, MAIN, "cpu_us", 1500, told="50 messages: ≤ 1,500 µs"),
)
