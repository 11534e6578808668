"""The primary stops answering and does not die: SIGSTOP."""

from signal import Signals
from typing import ClassVar

from campaign.fault import PrimaryFault


class Hang(PrimaryFault):
    """After `failure_detection` the silent primary is ended and replaced."""

    name: ClassVar[str] = "hang"
    trials: ClassVar[int] = 3
    blow: ClassVar[Signals] = Signals.SIGSTOP
