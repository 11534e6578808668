"""The same partitions under a set that speaks TLS: a silent link is no other than a plain one."""

import pytest
import test_partitions as plain
from real_house import RealHouse

pytestmark = pytest.mark.tls


async def test_s08_a_primary_cut_off_from_its_replicas_stays_primary(secured_house: RealHouse) -> None:
    """Their handshakes go on once the path is whole again."""
    await plain.test_s08_a_primary_cut_off_from_its_replicas_stays_primary(secured_house)


async def test_s03_a_primary_cut_off_from_the_controller_is_ended_before_another_takes_over(
    secured_house: RealHouse,
) -> None:
    """A handshake that gets no answer is silence, too."""
    await plain.test_s03_a_primary_cut_off_from_the_controller_is_ended_before_another_takes_over(
        secured_house
    )


async def test_a_replica_cut_off_from_the_controller_is_replaced_and_no_write_waits(
    secured_house: RealHouse,
) -> None:
    """Its place is taken by one that has a certificate of its own."""
    await plain.test_a_replica_cut_off_from_the_controller_is_replaced_and_no_write_waits(secured_house)
