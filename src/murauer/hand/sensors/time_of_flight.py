"""The second Kinect and its relatives: modulated light, its phase measured in every pixel."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from murauer.hand.sensors.edges import mix_edges
from murauer.hand.sensors.holes import drop_weak_signal
from murauer.hand.sensors.kernels import axial_noise_kernel
from murauer.hand.sensors.pixels import by_rows, incidence_cosine
from murauer.hand.sensors.sensor import check_images


@dataclass(frozen=True)
class TimeOfFlightSensor:
    """Time of flight after the second Kinect. All pixels are those of the device.

    Sources: [F] Fankhauser et al. 2015, Kinect v2 for mobile robot navigation; [S] Sarbolandi et al. 2015,
    Kinect range sensing: structured-light versus time-of-flight; [E] chosen here.

    Attributes:
        focal_px: Focal length of the depth camera (about 365 on the second Kinect).
        noise_scale: Factor on the axial noise of [F].
        mixing_radius_px: Radius of the area from which a pixel collects light; the seams of flying pixels in
            [S] are one to two pixels wide.
        min_share: Covered share below which a pixel at the edge to emptiness is lost [E].
        range_mm: Distance at which a mean surface returns too little light [S: 4.5 m specified].
        reflectivity_spread: Standard deviation of the logarithm of the reflectivity between patches [E].
        reflectivity_patch_px: Side of the patches of one reflectivity [E].
    """

    focal_px: float = 365.0
    noise_scale: float = 1.0
    mixing_radius_px: float = 1.0
    min_share: float = 0.75
    range_mm: float = 4500.0
    reflectivity_spread: float = 0.7
    reflectivity_patch_px: float = 3.0

    def __call__(self, depth: Tensor, intrinsics: Tensor, generator: Generator) -> Tensor:
        """Measure; see :class:`murauer.hand.sensors.Sensor`."""
        check_images(depth, intrinsics)
        scale = intrinsics[:, 0] / self.focal_px  # image pixels per device pixel
        cosine = incidence_cosine(depth, intrinsics)
        noise = torch.randn(depth.shape, generator=generator, device=depth.device)
        lit = drop_weak_signal(
            depth,
            cosine,
            range_mm=self.range_mm,
            reflectivity_spread=self.reflectivity_spread,
            patch_px=self.reflectivity_patch_px * scale,
            generator=generator,
        )
        mixed = mix_edges(lit, self.mixing_radius_px * scale, self.min_share, generator)
        return by_rows(axial_noise_kernel, mixed, depth, cosine, noise, self.noise_scale)
