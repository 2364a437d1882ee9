"""The caller's account as a whole: take all of it along, or erase it."""

from actions import erasure, export
from handlers.operation import Answer, Call
from handlers.passwords import Proof

NAME = "recado-export.zip"
# The browser forgets what it keeps of this place (Clear Site Data §3.1).
CLEARED = {"Clear-Site-Data": '"cache", "storage"'}


async def export_own(call: Call[None, None]) -> Answer:
    """Send everything the server holds of the caller as one file."""
    pieces = await export.begin(call.app, call.caller)
    headers = {"Content-Type": "application/zip", "Content-Disposition": f'attachment; filename="{NAME}"'}
    return Answer(headers=headers, pieces=pieces)


async def erase(call: Call[Proof, None]) -> Answer:
    """Erase the caller's account."""
    body = call.body
    done = await erasure.erase_account(
        call.app, call.caller, password=body.password, otp=body.otp, recovery_code=body.recovery_code
    )
    status = 204 if done else 202
    if call.keeps_cookie:
        return Answer(status=status, refresh_cookie="", headers=CLEARED)
    return Answer(status=status)


async def delete_conversation(call: Call[None, None]) -> Answer:
    """Delete the caller's conversation with somebody."""
    done = await erasure.delete_conversation(call.app, call.caller, call.path["username"])
    return Answer(status=204 if done else 202)
