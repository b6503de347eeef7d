"""How sentences for people are put."""


def plural(number: int, noun: str) -> str:
    """A number of things: `1 line`, `1,200 lines`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
