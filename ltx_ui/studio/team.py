"""All that make clips: how many there are, and who joins and leaves them while they work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ltx_ui.errors import NotFound, WrongMoment
from ltx_ui.studio.crew import Crew
from ltx_ui.studio.making import Making
from ltx_ui.studio.member import Kit, Member, WorkerStatus

MOST = 1000
"""Members that somebody may ask for."""
ALONE = (
    "Clips are made in the studio's own process, which can't be changed while it runs. Start the "
    "studio with --workers 2 or more (they need Ray), or anew with other settings."
)
LAST = (
    "This is the last worker that makes clips. Add another one first, or pause the queue for "
    "everybody."
)

_log = logging.getLogger(__name__)


class Team:
    """Members, each in a thread of its own. Safe to call from any thread.

    Args:
        nobody: called when the last one could not be started any more.
    """

    def __init__(self, crew: Crew, queue: Making, nobody: Callable[[], None]) -> None:
        self._crew = crew
        self._queue = queue
        self._nobody = nobody
        self._lock = threading.RLock()
        self._members: list[Member] = []
        self._number = 0
        self._closed = False
        queue.runners = lambda: self.count

    @property
    def count(self) -> int:
        """How many can make a clip now."""
        return sum(each.runner is not None for each in self.all())

    @property
    def many(self) -> bool:
        """Whether there may be several, because each works in a process of its own."""
        return self._crew.remote

    def all(self) -> list[Member]:
        """Those that are here, those that have failed among them."""
        return list(self._members)  # Without the lock: the queue asks while it holds its own.

    def staying(self) -> list[Member]:
        """Those that go on, or will when their model is loaded."""
        return [each for each in self.all() if each.stays]

    def now(self) -> list[WorkerStatus]:
        """What is known of each."""
        return [each.now() for each in self.all()]

    def add(self, kit: Kit) -> Member:
        """One more; it does nothing yet."""
        with self._lock:
            self._number += 1
            member = Member(self._number, kit, self._crew.end)
            self._members.append(member)
            if self._closed:
                member.leave()
            return member

    def start(self, member: Member) -> None:
        """Let one work in a thread of its own."""
        name = f"studio-worker-{member.number}"
        threading.Thread(target=self.work, args=(member,), name=name, daemon=True).start()

    def work(self, member: Member) -> None:
        """Let one work in this thread until it is not needed any more."""
        member.run()
        if not member.failed:
            self.remove(member)
        elif not self._closed and not self.staying():
            self._nobody()

    def remove(self, member: Member) -> None:
        """Forget one that does nothing any more."""
        with self._lock:
            if member in self._members:
                self._members.remove(member)

    def drain(self, number: int) -> None:
        """Let one finish what it makes and leave; forget one that has failed.

        Raises:
            NotFound: there is none by this number.
            WrongMoment: it is the last one, or works in the studio's own process.
        """
        self.check_can_change()
        with self._lock:
            found = next((each for each in self._members if each.number == number), None)
            if found is None:
                raise NotFound(f"There is no worker {number}. It may have ended meanwhile.")
            if found.failed:
                self.remove(found)
            elif found.stays:
                others = [each for each in self.staying() if each is not found]
                makes = found.runner is not None
                if not others or (makes and not any(each.runner for each in others)):
                    raise WrongMoment(LAST)
                self.send_away([found])

    def check_room(self, count: int) -> None:
        """Hold a number to the machine.

        Raises:
            InvalidRecipe: there are not as many processors, and no GPUs.
            ModelUnavailable: there are not as many GPUs.
        """
        self._crew.check_room(count)

    def set_count(self, count: int, kit: Kit) -> None:
        """Let so many make clips from now on: more are started with the kit, or those leave that
        have least to do.

        Raises:
            WrongMoment: they work in the studio's own process.
        """
        self.check_can_change()
        with self._lock:
            for each in self.all():
                if each.failed:
                    self.remove(each)
            here = self.staying()
            # Those that do nothing yet leave first, and the latest before the others.
            here.sort(key=Member.loss)
            self.send_away(here[: max(0, len(here) - count)])
            for _ in range(count - len(here)):
                self.start(self.add(kit))

    def send_away(self, members: list[Member]) -> None:
        """Let some leave when they have made what they make."""
        for each in members:
            each.leave()
        self._queue.wake()

    def check_can_change(self) -> None:
        """Refuse what can't be done in the studio's own process.

        Raises:
            WrongMoment: they work there.
        """
        if not self.many:
            raise WrongMoment(ALONE)

    def close(self) -> None:
        """Start no more."""
        with self._lock:
            self._closed = True
            for each in self._members:
                each.leave()
