"""Results that others published on the NYU test set, with where each number is from."""

import re
from functools import cache
from importlib import resources

import msgspec

from murauer.datasets.nyu import NYU_TEST_FRAMES
from murauer.store.store import Store


class PublishedMethod(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A method trained with all labelled real frames (Table 1, and a few later ones).

    Attributes:
        method: Name.
        venue: Where it was published.
        mean_error_mm: Mean joint error.
        source: Where the number is from: the paper's table, or the method's own paper.
    """

    method: str
    venue: str
    mean_error_mm: float
    source: str


class PublishedPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mean joint error with some number of labelled real frames, and where it is from."""

    n_labelled: int
    mean_error_mm: float
    source: str


class PublishedSeries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The results of a method for several numbers of labelled real frames."""

    method: str
    points: tuple[PublishedPoint, ...]


class PublishedViews(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The error of predicted views after training on some data, depth scaled to [-1, 1], and its source."""

    data: str
    mean_absolute_error: float
    source: str


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All published results that experiments compare with.

    Attributes:
        data: What they were measured on.
        source: Source of the collection.
        methods: Table 1.
        semi_supervised: The other methods of Fig. 3.
        variants: The paper's own variants, Fig. 4; the last is its full method, which Fig. 3 shows too.
        view_prediction: Errors of predicted views.
    """

    data: str
    source: str
    methods: tuple[PublishedMethod, ...]
    semi_supervised: tuple[PublishedSeries, ...]
    variants: tuple[PublishedSeries, ...]
    view_prediction: tuple[PublishedViews, ...]

    @property
    def full(self) -> PublishedSeries:
        """The paper's full method."""
        return self.variants[-1]

    @property
    def synthetic_only(self) -> PublishedSeries:
        """The paper's network without any label of a real frame, at n = 0."""
        return next(one for one in self.variants if all(point.n_labelled == 0 for point in one.points))

    def find(self, method: str) -> float | None:
        """Look up the error of a method by its name, however it is spelt; None if it is not known.

        The paper's own method is also found by "MURAUER n=100" and the like.
        """
        errors = {method_key(known.method): known.mean_error_mm for known in self.methods}
        errors |= {method_key(f"MURAUER n={p.n_labelled}"): p.mean_error_mm for p in self.full.points}
        return errors.get(method_key(method))


def is_published_test_set(store: Store) -> bool:
    """Whether the test split of a store is the one of the published results: all of NYU's."""
    test = store.test
    return store.manifest.dataset in {"nyu", "nyu-cs"} and test is not None and len(test) == NYU_TEST_FRAMES


@cache
def published_results() -> Published:
    """Read the numbers that come with the package."""
    text = resources.files("murauer.evaluation.figures").joinpath("published.json").read_bytes()
    return msgspec.json.decode(text, type=Published)


def method_key(method: str) -> str:
    """Reduce a name to what tells methods apart: no case, blanks and punctuation; "++" counts."""
    return re.sub(r"[^a-z0-9+]", "", method.lower())
