"""murauer: 3D hand-pose estimation for depth cameras from almost no labels (MURAUER, Poier et al., WACV 2019)."""

__version__ = "0.1.0"
