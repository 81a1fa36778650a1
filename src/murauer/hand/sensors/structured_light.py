"""The first Kinect and its relatives: a projected dot pattern, matched by correlation."""

from dataclasses import dataclass

from torch import Generator, Tensor

from murauer.hand.sensors.disparity import measure_disparity
from murauer.hand.sensors.edges import drop_edges, jitter_lookup
from murauer.hand.sensors.holes import drop_grazing
from murauer.hand.sensors.sensor import check_images
from murauer.hand.sensors.shadow import drop_shadow


@dataclass(frozen=True)
class StructuredLightSensor:
    """Structured light after the first Kinect. All pixels are those of the device.

    Sources: [K] Khoshelham and Elberink 2012, Accuracy and resolution of Kinect depth data; [B] Barron and
    Malik 2013, Intrinsic scene properties from a single RGB-D image; [H] Handa et al. 2014, A benchmark for
    RGB-D visual odometry, 3D reconstruction and SLAM; [N] Nguyen et al. 2012, Modeling Kinect sensor noise;
    [E] set by eye against genuine frames of the NYU hand data set.

    Attributes:
        focal_px: Focal length of the infrared camera, 5.453 mm at 9.3 um a pixel [K].
        projector_mm: x of the projector in the image's frame: 75 mm from the camera [K]. Negative: in
            the frames of the NYU data set shadows fall to the right of things.
        disparity_step_px: Quantisation of the disparity, 1/8 pixel [K].
        disparity_sigma_px: Noise of the disparity, half a quantisation step [K]; at 0.75 m 0.8 mm.
        lookup_sigma_px: Lateral displacement; 0.5 for a pixel in [B, H], about 0.8 at edges in [N]. Here
            whole patches move.
        window_px: Side of the patches that share one error, part of a correlation window of 9 x 9 [E].
        bridged_px: Width of shadows that go unnoticed, half a correlation window [E].
        edge_radius_px: Distance from an edge within which pixels get lost [E].
        edge_step_mm: Distance between two surfaces from which a window that sees both may fail [E].
        edge_loss: Probability that it does [E].
        grazing_degrees: Incidence angles between which the probability of a hole rises from 0 to 1; [N] could
            measure up to 70 degrees.
    """

    focal_px: float = 586.0
    projector_mm: float = -75.0
    disparity_step_px: float = 0.125
    disparity_sigma_px: float = 0.0625
    lookup_sigma_px: float = 0.6
    window_px: float = 6.0
    bridged_px: float = 4.5
    edge_radius_px: float = 3.0
    edge_step_mm: float = 60.0
    edge_loss: float = 0.4
    grazing_degrees: tuple[float, float] = (75.0, 90.0)

    def __call__(self, depth: Tensor, intrinsics: Tensor, generator: Generator) -> Tensor:
        """Measure; see :class:`murauer.hand.sensors.Sensor`."""
        check_images(depth, intrinsics)
        scale = intrinsics[:, 0] / self.focal_px  # image pixels per device pixel
        patch_px = self.window_px * scale
        lit = drop_shadow(depth, intrinsics, self.projector_mm, self.bridged_px * scale)
        lit = drop_grazing(
            lit,
            intrinsics,
            from_degrees=self.grazing_degrees[0],
            to_degrees=self.grazing_degrees[1],
            patch_px=patch_px,
            generator=generator,
        )
        matched = drop_edges(
            lit,
            radius_px=self.edge_radius_px * scale,
            patch_px=patch_px,
            step_mm=self.edge_step_mm,
            probability=self.edge_loss,
            generator=generator,
        )
        ragged = jitter_lookup(matched, self.lookup_sigma_px * scale, patch_px, generator)
        return measure_disparity(
            ragged,
            focal_px=self.focal_px,
            baseline_mm=abs(self.projector_mm),
            step_px=self.disparity_step_px,
            sigma_px=self.disparity_sigma_px,
            patch_px=patch_px,
            generator=generator,
        )
