"""A program that starts services which can be made to die at a chosen step; a fork each, so that it is fast.

It reads one JSON object a line from its standard input, the words of `memstored serve` as `data_dir`,
`catalogue`, `settings` and the service's `log`, and answers with the process id. A service counts nothing
until it gets SIGUSR1; then it reads `plan.json` beside its data folder, and says so in `steps.log`.
"""

import copy
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from steps import Step, StepCounter, furnished, opened

from memstored.api import app as http_house
from memstored.cli.errors import Stop
from memstored.cli.house import Parts
from memstored.cli.serve import serve
from memstored.telemetry.logs import LogForm, configure

ARMED = "armed"


def main() -> None:
    """Start a service for every line, until there are no more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Nobody asks how they ended: the kernel buries them.
    _write_reference()
    for line in sys.stdin:
        words = {name: Path(value) for name, value in json.loads(line).items()}
        number = os.fork()
        if number == 0:
            os._exit(_service(words))
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


def _write_reference() -> None:
    """Write the document about the API once for all: it is the same each time and takes most of a start."""
    services: Any = SimpleNamespace(issuer=True)
    doc = http_house.document(http_house.create_app(services))
    http_house.document = lambda _app: copy.deepcopy(doc)


def _service(words: Mapping[str, Path]) -> int:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(words["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(log, standard)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    steps = StepCounter(words["data_dir"])
    steps.hear()
    signal.signal(signal.SIGUSR1, lambda *_: _arm(words["data_dir"].parent, steps))
    configure(LogForm.CONSOLE)
    parts = Parts(open_store=opened(steps), furnish=furnished(steps))
    try:
        serve("127.0.0.1", 0, words["data_dir"], words["catalogue"], words["settings"], parts=parts)
    except Stop as stop:
        os.write(2, f"{stop}\n".encode())
        return 1
    return 0


def _arm(place: Path, steps: StepCounter) -> None:
    plan = json.loads((place / "plan.json").read_text())
    fatal = Step(**plan["fatal"]) if plan["fatal"] is not None else None
    steps.arm(place / "steps.log", fatal)
    steps.step(ARMED)


if __name__ == "__main__":
    main()
