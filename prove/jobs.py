"""Jobs outside of the outbox: how an intent stands in the history, and which refusals are for good. Pure."""

import msgspec

from prove.history import Blocking, Changing, Reading, Timing, Tried
from prove.outbox import Job, Kind

# Asking again cannot help; everything else is tried again.
FINAL_CODES = frozenset({"invalid", "not_found", "conflict", "forbidden", "too_large", "unsupported_media_type"})


def intent(device: str, job: Job) -> Tried | Changing | Reading | Blocking | Timing:
    """What a device is about to ask for."""
    fields = job.fields
    if job.kind is Kind.SEND:
        ttl = fields.get("ttl_seconds")
        return Tried(
            device=device,
            client_id=job.ref,
            recipient=str(fields["recipient"]),
            content=str(fields["content"]),
            via=job.via,
            ttl=None if ttl is None else int(ttl),
        )
    if job.kind is Kind.READ:
        up_to = int(fields["up_to"] or 0)
        return Reading(device=device, ref=job.ref, peer=str(fields["peer"]), up_to=up_to, via=job.via)
    if job.kind in (Kind.BLOCK, Kind.UNBLOCK):
        ends = job.kind is Kind.UNBLOCK
        return Blocking(device=device, ref=job.ref, peer=str(fields["peer"]), ends=ends, via=job.via)
    if job.kind is Kind.TIMER:
        ttl = fields["ttl_seconds"]
        seconds = None if ttl is None else int(ttl)
        return Timing(device=device, ref=job.ref, peer=str(fields["peer"]), ttl=seconds, via=job.via)
    content = None if job.kind is Kind.DELETE else str(fields["content"])
    return Changing(device=device, ref=job.ref, id=int(fields["id"] or 0), content=content, via=job.via)


def problem(body: bytes) -> tuple[str, str]:
    """Code and detail of problem details (RFC 9457); empty when it is none, as from a proxy."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    return str(found.get("code", "")), str(found.get("detail", ""))
