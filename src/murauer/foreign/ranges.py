"""Ranges of the numbers in configurations and manifests, checked when a file is read."""

from typing import Annotated

from msgspec import Meta

Seed = Annotated[int, Meta(ge=0, le=2**62)]
Count = Annotated[int, Meta(ge=0, le=10**9)]
"""How many there are of something."""

Steps = Annotated[int, Meta(ge=1, le=10**9)]
"""Of iterations, frames and batches: at least one."""

Size = Annotated[int, Meta(ge=1, le=2**14)]
"""Of a network or an image, along one dimension."""

Sizes = Annotated[tuple[Size, ...], Meta(min_length=1, max_length=10)]
Depth = Annotated[int, Meta(ge=0, le=100)]
"""Layers behind each other."""

Depths = Annotated[tuple[Depth, ...], Meta(max_length=10)]
Positive = Annotated[float, Meta(gt=0, le=1e6)]
NotNegative = Annotated[float, Meta(ge=0, le=1e6)]
Rate = Annotated[float, Meta(gt=0, le=10)]
"""Of learning."""

Decay = Annotated[float, Meta(ge=0, lt=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Millimetres = Annotated[float, Meta(gt=0, le=1e5)]
Degrees = Annotated[float, Meta(ge=0, le=360)]
