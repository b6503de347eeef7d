"""What a repository function raises instead of returning. `api/http/problems.py` turns each into an answer."""

from api.database.answers import Answer


class NoActorError(Exception):
    """The statement gave no row: the token is unknown, expired or revoked, or its user is deactivated. 401."""


class NotFoundError(Exception):
    """A row without a document: what was asked for does not exist for this actor. 404."""

    def __init__(self, sentence: str | None) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class StaleVersionError(Exception):
    """A version without a document: it was changed since the client read it. 412."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class RuleError(Exception):
    """A rule refused, and the query file has an answer of its own for it."""

    def __init__(self, rule: str, answer: Answer) -> None:
        super().__init__(rule)
        self.rule = rule
        self.answer = answer


class ContractError(Exception):
    """A statement gave what its header rules out, such as a second row. A defect, 500."""


class UnavailableError(Exception):
    """No connection within the deadline. 503."""
