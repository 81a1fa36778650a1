"""3D hand poses from depth cameras with almost no labels (MURAUER, Poier et al., WACV 2019)."""

__version__ = "0.1.0"
