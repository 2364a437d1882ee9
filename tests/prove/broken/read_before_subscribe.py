"""What was missed is read first, and the bus joined afterwards: what comes in between nobody hears."""

from actions import attach


def plant() -> None:
    subscribe, read = attach.attach, attach.recover
    later = {}

    async def remember(app, caller, connection) -> None:
        connection.hold()
        app.attached.add(connection)
        later[connection] = caller

    async def read_then_subscribe(app, connection, standing, position) -> None:
        await read(app, connection, standing, position)
        await subscribe(app, later.pop(connection), connection)
        connection.release()

    attach.attach, attach.recover = remember, read_then_subscribe
