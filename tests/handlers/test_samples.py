"""The samples are of one story, and each dialect has one of every frame."""

import json

from handlers import samples
from realtime.dialects import plain, v1


def test_there_is_a_sample_of_every_frame_and_no_other() -> None:
    assert set(samples.V1_CLIENT) == set(v1.FRAMES)
    assert set(samples.V1_SERVER) == set(v1.SERVER_FRAMES)
    assert set(samples.PLAIN_CLIENT) == set(plain.FRAMES)
    assert set(samples.PLAIN_SERVER) == set(plain.SERVER_FRAMES)


def test_a_frame_of_v1_is_filed_under_its_type() -> None:
    for filed in (samples.V1_CLIENT, samples.V1_SERVER):
        assert all(sample["type"] == kind for kind, sample in filed.items())


def test_what_a_client_says_is_understood() -> None:
    for kind, sample in samples.V1_CLIENT.items():
        assert isinstance(v1.V1_DIALECT.decode(json.dumps(sample)), v1.FRAMES[kind])
    assert isinstance(plain.PLAIN.decode(json.dumps(samples.PLAIN_CLIENT["send"])), plain.Send)
