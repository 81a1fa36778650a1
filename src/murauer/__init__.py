"""3D hand poses from depth cameras with almost no labels (MURAUER, Poier et al., WACV 2019)."""

import importlib
from typing import TYPE_CHECKING, Any

from murauer.version import __version__

if TYPE_CHECKING:
    from murauer.errors import UserError
    from murauer.geometry.camera import Camera
    from murauer.geometry.distortion import Distortion
    from murauer.inference.estimator import Estimator
    from murauer.inference.pose import HandPose
    from murauer.inference.smoothing import Smoothing

__all__ = ["Camera", "Distortion", "Estimator", "HandPose", "Smoothing", "UserError", "__version__"]

_HOMES = {
    "Camera": "murauer.geometry.camera",
    "Distortion": "murauer.geometry.distortion",
    "Estimator": "murauer.inference.estimator",
    "HandPose": "murauer.inference.pose",
    "Smoothing": "murauer.inference.smoothing",
    "UserError": "murauer.errors",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used, so that `import murauer` takes no time."""
    if name not in _HOMES:
        raise AttributeError(f"module 'murauer' has no attribute {name!r}")

    return getattr(importlib.import_module(_HOMES[name]), name)
