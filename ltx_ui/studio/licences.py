"""Who has accepted the licence of which model."""

from __future__ import annotations

from datetime import UTC, datetime

from ltx_ui.errors import LicenceToAccept, ModelUnavailable
from ltx_ui.studio.database import Database
from ltx_ui.studio.guard import is_visitor
from ltx_ui.studio.model_loader import ModelStatus
from ltx_ui.studio.tables import AcceptedRow


class Licences:
    """Licences that visitors have accepted, once for each model's. Nobody else is asked: whoever
    runs a studio has accepted it to get the model, and answers for those whom they give a name.
    Safe to call from any thread, and from several processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def to_accept(self, owner: str, model: ModelStatus) -> bool:
        """Whether somebody has to accept the model's licence before clips are made for them.

        Raises:
            MediaError: the library can't be read.
        """
        if not (is_visitor(owner) and model.use_restrictions):
            return False
        with self._database.reading() as session:
            return session.get(AcceptedRow, (owner, model.licence)) is None

    def accept(self, owner: str, model: ModelStatus) -> None:
        """Somebody accepts the model's licence.

        Raises:
            ModelUnavailable: it is not known yet which model will be used.
            MediaError: it could not be written.
        """
        _check_known(model)
        row = AcceptedRow(owner=owner, licence=model.licence, created_at=datetime.now(UTC))
        with self._database.session() as session:
            session.merge(row)

    def check(self, owner: str, model: ModelStatus) -> None:
        """Refuse who has not accepted what they have to.

        Raises:
            LicenceToAccept: they have not.
            ModelUnavailable: it is not known yet which model will be used, and so whose licence.
            MediaError: the library can't be read.
        """
        if not is_visitor(owner):
            return
        _check_known(model)
        if self.to_accept(owner, model):
            raise LicenceToAccept(model.licence, model.licence_url)


def _check_known(model: ModelStatus) -> None:
    if not model.licence:
        raise ModelUnavailable(
            "The studio has just started and does not know its model yet. Try again in a moment."
        )
