"""Who makes the clips of ``ltx-ui generate``: this process or, where a studio runs on the data
folder already, that one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from ltx_ui.commands.elsewhere import There
from ltx_ui.commands.folder import InUse, address_of, alone, check_owner
from ltx_ui.commands.making import Here, Maker
from ltx_ui.settings import Settings


@contextmanager
def maker_for(settings: Settings, owner: str, *, keep: bool) -> Iterator[Maker]:
    """A maker of clips, closed when the block ends.

    Args:
        owner: whose takes they become.
        keep: whether they stay in the library.

    Raises:
        SettingsError: the data folder can't be used, or nobody has the owner's name.
    """
    with ExitStack() as held:
        maker: Maker
        try:
            held.enter_context(alone(settings))
            check_owner(settings, owner)
            maker = Here(settings, owner, keep=keep)
        except InUse:
            if (address := address_of(settings)) is None:
                raise
            maker = There(address, owner, keep=keep)
        yield held.enter_context(closing(maker))
