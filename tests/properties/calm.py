"""After a storm: everything heals, every device comes back, and then all must agree.

First without any sweep: who lost nothing must have everything already. Then with a sweep: who is connected must have
everything. Then everybody resumes, and what each device shows must be what it would be shown fresh.
"""

from functools import partial

from actions import expiry, repair
from tests.properties.device import Device
from tests.properties.instance import Instance
from tests.properties.reading import judge_reading
from tests.properties.timing import judge_timers
from tests.properties.truth import judge
from tests.properties.view import View
from tests.properties.world import World

LONGEST_WAIT = 30.0
MERGED_SECONDS = 1.0  # longer than acknowledgements are merged
MOST_ROUNDS = 6


def calm(world: World) -> None:
    """See the module."""
    weather = world.air.weather
    _heal(world)
    _everybody_has_everything(world, "without a sweep", excuse=True)
    _sweep(world)
    _everybody_has_everything(world, "after a sweep", excuse=False)
    _come_back(world)
    world.record.all_over(world.desk.ticks)
    fresh = _fresh(world)
    for device in filter(lambda device: device.used, world.devices.values()):
        mine = device.view.shown()
        for what, shown in fresh[device.person].shown().items():
            assert mine[what] == shown, f"{device.name}: {what} by events\n{mine[what]}\nand loaded fresh\n{shown}"
    holders = {device.person for device in world.devices.values() if device.used and not device.polls}
    judge(world.record, fresh, world.clock.now)
    judge_reading(world.record, fresh, holders)
    judge_timers(world.record, fresh, world.devices.values())
    world.air.weather = weather


def _fresh(world: World) -> dict[str, View]:
    """What each person is shown by REST, from one instance or the other."""
    ones = {device.person: name for name, device in world.devices.items()}
    return {
        person: world.fresh(name, _instances(world, number)[0].name)
        for number, (person, name) in enumerate(sorted(ones.items()))
    }


def _heal(world: World) -> None:
    """No one stalls, every bus is up, the clock is right again, and what flies arrives."""
    for instance in world.instances.values():
        for door in instance.doors.values():
            door.wire.flow()
        if not instance.bus.up:
            world.loop.call(instance.name, partial(instance.bus.come_up, flush=True))
    world.turn_clock((world.latest - world.clock.now) / 1000)
    world.air.weather = ("now",)
    world.air.clear_up()
    _rest(world)


def _rest(world: World) -> None:
    """Until nothing more follows from anything, merged acknowledgements included."""
    heads: dict[str, int] = {}
    while heads != (heads := world.heads()):
        world.settle(air=True)
        world.wait(MERGED_SECONDS)
        world.settle(air=True)


def _everybody_has_everything(world: World, when: str, *, excuse: bool) -> None:
    heads = world.heads()
    for instance in world.instances.values():
        for name in (*instance.doors, *(instance.polls if excuse else ())):
            device = world.devices[name]
            if not (excuse and _lost(world, instance, name)):
                assert device.cursor == heads[device.person], _missing(device, heads[device.person], when)


def _lost(world: World, instance: Instance, name: str) -> bool:
    """Whether the device could not have heard everything."""
    door = instance.doors.get(name)
    if door is not None and (door.connection is None or door.connection.given.refused):
        return True
    return instance.bus.missed.get(world.callers[name].user_id, -1) >= instance.since[name]


def _missing(device: Device, head: int, when: str) -> str:
    return f"{device.name} is connected, has {device.cursor} {when}, early {sorted(device.early)}, of {head}"


def _sweep(world: World) -> None:
    for name in world.instances:
        world.do(name, expiry.sweep)
        world.settle(air=True)
    for name in world.instances:
        world.do(name, repair.beat)
        world.settle(air=True)
    world.wait(LONGEST_WAIT)
    _rest(world)


def _come_back(world: World) -> None:
    """Everybody connects, has everything, and acknowledges it, until nothing more comes of that."""
    used = [device for device in world.devices.values() if device.used]
    for _ in range(MOST_ROUNDS):
        for number, device in enumerate(used):
            _up_to_date(world, device, _instances(world, number))
        _rest(world)
        heads = world.heads()
        if all(device.cursor == heads[device.person] and device.acked in (device.cursor, None) for device in used):
            break
    for device in used:
        assert device.cursor == heads[device.person], _missing(device, heads[device.person], "after coming back")


def _up_to_date(world: World, device: Device, instances: list[Instance]) -> None:
    if device.polls:
        before = -1
        while device.cursor is None or before != device.cursor:
            before = -1 if device.cursor is None else device.cursor
            world.poll(device.name, instances[0].name, 0)
            world.settle(air=True)
        return
    if world.where(device.name) is None:
        world.connect(device.name, instances[0].name)
        world.settle(air=True)
    if device.cursor is not None and device.acked != device.cursor and world.door(device.name) is not None:
        device.acked = device.cursor
        world.say(device.name, {"type": "ack", "position": device.cursor})


def _instances(world: World, number: int) -> list[Instance]:
    """The instances, another one first each time."""
    found = list(world.instances.values())
    return found[number % len(found) :] + found[: number % len(found)]
