"""The first answers to requests that may be sent twice. No client sees these."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """Whether the key is now the transaction's own; otherwise an answer is kept under it."""

    claimed: bool


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The first answer, and the hash of the request that it answered."""

    request_hash: bytes
    status: int
    headers: str
    body: bytes
