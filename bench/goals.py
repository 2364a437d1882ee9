"""The table of rows: what each measures, what its columns say, and what is wanted of it.

Wanted of Recado with everything on (PostgreSQL, the Redis bus, sealed texts, positions, limits). Absolute numbers
were set on another machine; ratios carry over.
"""

from bench.load import TITLES as LOAD_TITLES
from bench.results import Goal

MAIN = "Recado, PostgreSQL + Redis"
ON_SQLITE = "Recado, SQLite"

TITLES = {
    "M1": "durable messages a second on one core, 25 pairs, 100 characters",
    "M2": "server CPU per message, in the same runs",
    "M3": "latency at a steady 2,000 messages/s (open loop)",
    "M4": "memory per idle signed-in socket",
    "M5": "two instances",
    "M6": "reconnect storm: 5,000 clients come back",
    "M7": "a page of 50 messages out of 10⁷",
    "M8": "start to first answer (/livez), warm cache",
    "M9": "CPU of single calls",
}

_CPU = ("server_cpu_us", "server_cpu_percent", "database_cpu_us", "database_cpu_percent", "load_cpu_percent")
_LATENCY = ("p50_ms", "p90_ms", "p99_ms", "max_ms", "per_second", "lag_p99_ms", "server_cpu_percent", "sign_ins")

COLUMNS = {
    "M1": {key: LOAD_TITLES[key] for key in ("per_second", "p50_ms", "p99_ms", "load_cpu_percent")},
    "M2": {key: LOAD_TITLES[key] for key in _CPU},
    "M3": {key: LOAD_TITLES[key] for key in _LATENCY},
    "M4": {"kb_per_socket": "KB per socket"},
    "M8": {"milliseconds": "milliseconds"},
    "M9": {"cpu_us": "server CPU per call, µs", "wall_us": "time per call, µs"},
}

ONE, EIGHT = "1 in flight", "8 in flight"
STEADY, SIGNING_IN = "steady", "while people sign in"
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
    Goal("M8", "", ON_SQLITE, "milliseconds", 350, told="≤ 350 ms"),
    Goal("M9", CHECK, MAIN, "cpu_us", 250, told="check-username: ≤ 250 µs"),
    Goal("M9", LIST, MAIN, "cpu_us", 1500, told="50 messages: ≤ 1,500 µs"),
)
