"""Intel's D400 cameras and their relatives: two infrared images, matched block by block."""

from dataclasses import dataclass

from torch import Generator, Tensor

from murauer.hand.sensors.disparity import measure_disparity
from murauer.hand.sensors.edges import drop_edges, grow_edges, jitter_lookup
from murauer.hand.sensors.holes import drop_grazing, drop_untextured
from murauer.hand.sensors.sensor import check_images
from murauer.hand.sensors.shadow import drop_shadow


@dataclass(frozen=True)
class StereoSensor:
    """Stereo after the D435. All pixels are those of the device.

    Sources: [G] Grunnet-Jepsen, Sweetser and Woodfill, Tuning depth cameras for best performance (Intel): the
    root mean square error is z^2 subpixel / (f b), with a subpixel below 0.1 on textured targets; [L]
    Grunnet-Jepsen et al. 2019, Subpixel linearity improvement for D400 cameras (Intel): disparities come in
    steps of 1/32; [K] Keselman et al. 2017, Intel RealSense stereoscopic depth cameras: the left image is the
    reference, windows are correlated, what one camera alone sees is missing; [D] data sheet of the D400
    series; [A] Ahn et al. 2019, Analysis and noise modeling of the Intel RealSense D435 for mobile robots:
    noise grows with the square of the distance; [E] set by eye.

    Attributes:
        focal_px: Focal length of both cameras at 848 x 480 [D].
        baseline_mm: x of the right camera in the left one's frame [D].
        disparity_step_px: Subpixel step [L].
        disparity_sigma_px: Noise of the disparity [G]: at 0.5 m 1 mm.
        window_px: Side of the patches that share one error, a correlation window [K].
        wave_px: Side of larger patches with an error of their own: surfaces look dented [E].
        wave_sigma_px: Noise of the disparity in these [E].
        growth_px: By how much near surfaces grow at their edges, half a window at most: one that sees two
            surfaces is mostly won by the nearer, which the projector lights better [E].
        lookup_sigma_px: Lateral displacement of ragged edges [E].
        bridged_px: Width of missing sides that go unnoticed [E].
        edge_step_mm: Distance between two surfaces from which a window that sees both may fail [E].
        edge_loss: Probability that it does [E].
        hole_share: Share of patches without enough texture at a metre, where surfaces are as usual [E].
        hole_spread: Standard deviation of its logarithm from scene to scene [E].
        hole_px: Side of these patches [E].
        grazing_degrees: Incidence angles between which the probability of a hole rises from 0 to 1 [E].
    """

    focal_px: float = 425.0
    baseline_mm: float = 50.0
    disparity_step_px: float = 1 / 32
    disparity_sigma_px: float = 0.06
    window_px: float = 5.0
    wave_px: float = 12.0
    wave_sigma_px: float = 0.05
    growth_px: float = 2.0
    lookup_sigma_px: float = 0.7
    bridged_px: float = 2.5
    edge_step_mm: float = 40.0
    edge_loss: float = 0.15
    hole_share: float = 0.015
    hole_spread: float = 1.0
    hole_px: float = 7.0
    grazing_degrees: tuple[float, float] = (72.0, 88.0)

    def __call__(self, depth: Tensor, intrinsics: Tensor, generator: Generator) -> Tensor:
        """Measure; see :class:`murauer.hand.sensors.Sensor`."""
        check_images(depth, intrinsics)
        scale = intrinsics[:, 0] / self.focal_px  # image pixels per device pixel
        window_px = self.window_px * scale
        # The right camera stands where a projector would, and sees no more than that.
        seen_by_both = drop_shadow(depth, intrinsics, self.baseline_mm, self.bridged_px * scale)
        textured = drop_untextured(
            seen_by_both,
            share=self.hole_share,
            spread=self.hole_spread,
            patch_px=self.hole_px * scale,
            generator=generator,
        )
        steep, never = self.grazing_degrees
        kept = drop_grazing(
            textured,
            intrinsics,
            from_degrees=steep,
            to_degrees=never,
            patch_px=window_px,
            generator=generator,
        )
        grown = grow_edges(kept, self.growth_px * scale, window_px, generator)
        matched = drop_edges(
            grown,
            radius_px=window_px / 2,
            patch_px=window_px,
            step_mm=self.edge_step_mm,
            probability=self.edge_loss,
            generator=generator,
        )
        ragged = jitter_lookup(matched, self.lookup_sigma_px * scale, window_px, generator)
        measured = ragged
        for sigma_px, patch_px, step_px in (
            (self.wave_sigma_px, self.wave_px * scale, 0.0),
            (self.disparity_sigma_px, window_px, self.disparity_step_px),
        ):
            measured = measure_disparity(
                measured,
                focal_px=self.focal_px,
                baseline_mm=self.baseline_mm,
                step_px=step_px,
                sigma_px=sigma_px,
                patch_px=patch_px,
                generator=generator,
                smooth=True,
            )
        return measured
