"""How noisy the depth of a camera is, from its frames alone."""

from murauer.store.frame_set import Region

REACH_MM = 150.0
"""Depth around the hand's centre in which surfaces are looked at: those behind may be noisier."""

MEDIAN_OF_DEVIATION = 0.6745
"""Median of the absolute values of a normal distribution of standard deviation 1."""


def noise_mm(region: Region) -> float:
    """Standard deviation of what differs from pixel to pixel on the surfaces of hands, in mm.

    The second difference of three pixels in a row is 0 on any plane, and has sqrt(6) times the deviation of
    white noise. Its median leaves edges out.

    Args:
        region: Windows around hands.
    """
    depth, centre = region.depth, region.centre[:, 2, None, None]
    near = (depth > 0) & ((depth - centre).abs() < REACH_MM)
    bend = depth[..., :-2] - 2 * depth[..., 1:-1] + depth[..., 2:]
    seen = bend[near[..., :-2] & near[..., 1:-1] & near[..., 2:]]
    if not len(seen):
        return 0.0
    return float(seen.abs().median()) / (MEDIAN_OF_DEVIATION * 6**0.5)
