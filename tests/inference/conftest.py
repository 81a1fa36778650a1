"""The scene that tests of this folder use."""

from rendered_scene import scene  # noqa: F401
