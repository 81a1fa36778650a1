"""What a check of the self-test finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """By how much something differs from what it shall be.

    Attributes:
        what: What was compared; of many, the one that differs most.
        difference: By how much.
        most: How much it may differ.
        unit: Of both.
    """

    what: str
    difference: float
    most: float
    unit: str

    @property
    def passed(self) -> bool:
        """Whether it is near enough; NaN is not."""
        return self.difference <= self.most

    def __str__(self) -> str:
        return f"{self.what} by {self.difference:.2g} {self.unit} (at most {self.most:g} is right)"
