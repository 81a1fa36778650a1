"""The kernels behind the sensors' effects, in Warp's subset of Python: each one pass over the pixels.

One thread works on a row of an image, which is three times as fast on a CPU as one a pixel; what depends on
the row alone is computed once. What is random is drawn for patches before, see `Patches`, or for the few
pixels that need it. All of them are in one file because Warp compiles a file at a time.
"""

# mypy: ignore-errors
# The annotations of a kernel are Warp's array types, which mean nothing to a type checker.
# ruff: noqa: UP018
# A variable that changes in a loop must not be a literal in Warp.

import warp as wp

# Without fused multiply-adds results are the same on every machine; nothing here is differentiated.
wp.set_module_options({"fuse_fp": False, "enable_backward": False})

Images = wp.array(dtype=float, ndim=3)
"""Depth, (B, H, W), or what is drawn for patches, (B, rows, columns)."""

Offsets = wp.array(dtype=int, ndim=3)
"""Of patches, in pixels, (B, rows, columns)."""

Table = wp.array(dtype=float, ndim=2)
"""Cameras (B, 4), or phases of patches (2, B)."""

Numbers = wp.array(dtype=float)
Seeds = wp.array(dtype=int)
"""One an image, (B,)."""

SMALLEST_COSINE = wp.constant(0.17364818)  # of 80 degrees


@wp.func
def patch_of(pixel: int, per_pixel: float, phase: float) -> int:
    """Row or column of the patch in which a row or column of pixels lies, see `Patches`."""
    return int(float(pixel) * per_pixel + phase)


@wp.func
def between_patches(
    noise: Images, image: int, row: int, column: int, per_pixel: float, v: float, u: float
) -> float:
    """The noise of the four patches around a pixel, mixed by how near it is to each."""
    y = float(row) * per_pixel + v
    x = float(column) * per_pixel + u
    upper = int(y)
    left = int(x)
    lower = wp.min(upper + 1, noise.shape[1] - 1)
    right = wp.min(left + 1, noise.shape[2] - 1)
    y = y - float(upper)
    x = x - float(left)
    above = wp.lerp(noise[image, upper, left], noise[image, upper, right], x)
    below = wp.lerp(noise[image, lower, left], noise[image, lower, right], x)
    return wp.lerp(above, below, y)


@wp.func
def look_up(depth: Images, image: int, row: int, column: int) -> float:
    """Depth at a pixel; beyond the border that of the last pixel."""
    return depth[image, wp.clamp(row, 0, depth.shape[1] - 1), wp.clamp(column, 0, depth.shape[2] - 1)]


@wp.func
def smaller(first: float, second: float) -> float:
    """The number of smaller magnitude."""
    if wp.abs(first) < wp.abs(second):
        return first
    return second


@wp.func
def facing(depth: Images, cameras: Table, image: int, row: int, column: int) -> float:
    """Cosine of the incidence angle at a pixel with a surface, see `incidence_cosine`."""
    z = depth[image, row, column]
    right = look_up(depth, image, row, column + 1) - z
    left = z - look_up(depth, image, row, column - 1)
    lower = look_up(depth, image, row + 1, column) - z
    upper = z - look_up(depth, image, row - 1, column)
    across = smaller(right, left)
    if column == 0:
        across = right
    elif column == depth.shape[2] - 1:
        across = left
    down = smaller(lower, upper)
    if row == 0:
        down = lower
    elif row == depth.shape[1] - 1:
        down = upper
    fx = cameras[image, 0]
    fy = cameras[image, 1]
    u = float(column) - cameras[image, 2]
    v = float(row) - cameras[image, 3]
    # The surface (u z / fx, v z / fy, z) has the normal (fx z_u, fy z_v, -(z + u z_u + v z_v)), the viewing
    # ray is (u / fx, v / fy, 1), and their product is -z.
    normal = wp.vec3(fx * across, fy * down, z + u * across + v * down)
    ray = wp.vec3(u / fx, v / fy, 1.0)
    return z / wp.max(wp.sqrt(wp.dot(normal, normal) * wp.dot(ray, ray)), 1.0e-6)


@wp.kernel
def facing_kernel(depth: Images, cameras: Table, cosine: Images):
    """The cosines of `incidence_cosine`."""
    image, row = wp.tid()
    for column in range(depth.shape[2]):
        value = float(1.0)
        if depth[image, row, column] > 0.0:
            value = facing(depth, cameras, image, row, column)
        cosine[image, row, column] = value


@wp.func
def at_offset(
    depth: Images,
    down: Offsets,
    right: Offsets,
    image: int,
    row: int,
    column: int,
    patch_row: int,
    patch_column: int,
) -> float:
    """The depth at the offset that a pixel's patch has from the pixel."""
    v = row + down[image, patch_row, patch_column]
    u = column + right[image, patch_row, patch_column]
    return look_up(depth, image, v, u)


@wp.kernel
def jitter_kernel(
    depth: Images, per_pixel: Numbers, phase: Table, down: Offsets, right: Offsets, step: float, moved: Images
):
    """The depth at the offset of a pixel's patch, where that is another surface; see `jitter_lookup`."""
    image, row = wp.tid()
    patch_row = patch_of(row, per_pixel[image], phase[0, image])
    for column in range(depth.shape[2]):
        patch_column = patch_of(column, per_pixel[image], phase[1, image])
        z = depth[image, row, column]
        other = at_offset(depth, down, right, image, row, column, patch_row, patch_column)
        if wp.abs(z - other) > step:
            z = other
        moved[image, row, column] = z


@wp.kernel
def grow_kernel(
    depth: Images,
    per_pixel: Numbers,
    phase: Table,
    down: Offsets,
    right: Offsets,
    weight: Images,
    step: float,
    grown: Images,
):
    """The nearer surface at the offset of a pixel's patch, or a disparity in between; see `grow_edges`."""
    image, row = wp.tid()
    patch_row = patch_of(row, per_pixel[image], phase[0, image])
    for column in range(depth.shape[2]):
        patch_column = patch_of(column, per_pixel[image], phase[1, image])
        z = depth[image, row, column]
        other = at_offset(depth, down, right, image, row, column, patch_row, patch_column)
        if other > 0.0:
            if z == 0.0:
                z = other
            elif other < z - step:
                share = weight[image, patch_row, patch_column]
                z = 1.0 / (share / other + (1.0 - share) / z)
        grown[image, row, column] = z


@wp.kernel
def drop_edges_kernel(
    depth: Images, per_pixel: Numbers, phase: Table, down: Offsets, right: Offsets, step: float, kept: Images
):
    """Nothing where the place at the offset of a pixel's patch is another surface; see `drop_edges`."""
    image, row = wp.tid()
    patch_row = patch_of(row, per_pixel[image], phase[0, image])
    for column in range(depth.shape[2]):
        z = depth[image, row, column]
        if z > 0.0:
            patch_column = patch_of(column, per_pixel[image], phase[1, image])
            other = at_offset(depth, down, right, image, row, column, patch_row, patch_column)
            if wp.abs(z - other) > step:
                z = 0.0
        kept[image, row, column] = z


@wp.func
def alone(depth: Images, image: int, row: int, column: int, step: float) -> bool:
    """Whether all eight neighbours are on the surface of a pixel."""
    z = depth[image, row, column]
    farthest = float(0.0)
    for down in range(-1, 2):
        for right in range(-1, 2):
            farthest = wp.max(farthest, wp.abs(look_up(depth, image, row + down, column + right) - z))
    return farthest <= step


@wp.kernel
def mix_kernel(depth: Images, radius: Numbers, seeds: Seeds, step: float, min_share: float, mixed: Images):
    """A depth between a pixel and a random neighbour on another surface; see `mix_edges`."""
    image, row = wp.tid()
    for column in range(depth.shape[2]):
        z = depth[image, row, column]
        # Places within a pixel are rounded to one of the neighbours: most pixels need no random numbers.
        if z > 0.0 and (radius[image] > 1.0 or not alone(depth, image, row, column, step)):
            random = wp.rand_init(seeds[image], row * depth.shape[2] + column)
            angle = 2.0 * wp.pi * wp.randf(random)
            down = int(wp.floor(radius[image] * wp.sin(angle) + wp.randf(random)))
            right = int(wp.floor(radius[image] * wp.cos(angle) + wp.randf(random)))
            other = look_up(depth, image, row + down, column + right)
            if wp.abs(z - other) > step:
                share = 0.5 + 0.5 * wp.randf(random)  # the pixel's centre is on its own surface
                if other > 0.0:
                    own_light = share * other * other
                    other_light = (1.0 - share) * z * z
                    z = (own_light * z + other_light * other) / (own_light + other_light)
                elif share < min_share:
                    z = 0.0
        mixed[image, row, column] = z


@wp.kernel
def drop_grazing_kernel(
    depth: Images, per_pixel: Numbers, phase: Table, cameras: Table, smallest: Images, kept: Images
):
    """Nothing where the cosine is smaller than that of a pixel's patch; see `drop_grazing`."""
    image, row = wp.tid()
    patch_row = patch_of(row, per_pixel[image], phase[0, image])
    for column in range(depth.shape[2]):
        z = depth[image, row, column]
        if z > 0.0:
            patch_column = patch_of(column, per_pixel[image], phase[1, image])
            if facing(depth, cameras, image, row, column) < smallest[image, patch_row, patch_column]:
                z = 0.0
        kept[image, row, column] = z


@wp.kernel
def drop_weak_kernel(
    depth: Images, per_pixel: Numbers, phase: Table, cosine: Images, light: Images, kept: Images
):
    """Nothing where the light of a pixel's patch is too weak; see `drop_weak_signal`."""
    image, row = wp.tid()
    patch_row = patch_of(row, per_pixel[image], phase[0, image])
    for column in range(depth.shape[2]):
        z = depth[image, row, column]
        patch_column = patch_of(column, per_pixel[image], phase[1, image])
        if light[image, patch_row, patch_column] * cosine[image, row, column] < z * z:
            z = 0.0
        kept[image, row, column] = z


@wp.kernel
def drop_untextured_kernel(depth: Images, per_pixel: Numbers, phase: Table, limit: Images, kept: Images):
    """Nothing beyond the distance to which the texture of a pixel's patch is enough."""
    image, row = wp.tid()
    patch_row = patch_of(row, per_pixel[image], phase[0, image])
    for column in range(depth.shape[2]):
        z = depth[image, row, column]
        patch_column = patch_of(column, per_pixel[image], phase[1, image])
        if z > limit[image, patch_row, patch_column]:
            z = 0.0
        kept[image, row, column] = z


@wp.kernel
def disparity_kernel(
    depth: Images,
    per_pixel: Numbers,
    phase: Table,
    noise: Images,
    smooth: int,
    focal_times_baseline: float,
    step: float,
    measured: Images,
):
    """Depth from the disparity with the noise of a pixel's patch; see `measure_disparity`."""
    image, row = wp.tid()
    patch_row = patch_of(row, per_pixel[image], phase[0, image])
    for column in range(depth.shape[2]):
        z = depth[image, row, column]
        if z > 0.0:
            error = float(0.0)
            if smooth == 1:
                error = between_patches(
                    noise, image, row, column, per_pixel[image], phase[0, image], phase[1, image]
                )
            else:
                error = noise[image, patch_row, patch_of(column, per_pixel[image], phase[1, image])]
            disparity = focal_times_baseline / z + error
            if step > 0.0:
                disparity = wp.rint(disparity / step) * step
            # A disparity of zero is infinitely far away: nothing.
            z = 0.0
            if disparity > 0.0:
                z = focal_times_baseline / disparity
        measured[image, row, column] = z


@wp.kernel
def shadow_kernel(
    depth: Images, cameras: Table, projector_mm: float, bridged: Numbers, nearest: Images, lit: Images
):
    """A z-buffer of each row as the projector sees it; see `drop_shadow`."""
    image, row = wp.tid()
    width = depth.shape[2]
    reach = cameras[image, 0] * projector_mm
    # Columns of the projector relative to the leftmost one of the row; what does not fit into two image
    # widths cannot share a column with anything that matters.
    left = float(wp.inf)
    for column in range(width):
        z = depth[image, row, column]
        if z > 0.0:
            left = wp.min(left, float(column) - reach / wp.max(z, 1.0))
    last = float(2 * width - 2)
    for column in range(width):
        z = depth[image, row, column]
        if z > 0.0:
            disparity = reach / wp.max(z, 1.0)
            seat = int(wp.min(float(column) - disparity - left, last))
            # A surface between two columns blocks both: neighbouring pixels may be almost two columns apart.
            nearest[image, row, seat] = wp.max(nearest[image, row, seat], wp.abs(disparity))
            nearest[image, row, seat + 1] = wp.max(nearest[image, row, seat + 1], wp.abs(disparity))
    for column in range(width):
        z = depth[image, row, column]
        if z > 0.0:
            disparity = reach / wp.max(z, 1.0)
            seat = int(wp.min(float(column) - disparity - left, last))
            blocker = wp.min(nearest[image, row, seat], nearest[image, row, seat + 1])
            if blocker - wp.abs(disparity) > bridged[image]:
                z = 0.0
        lit[image, row, column] = z


@wp.func
def axial_sigma(depth: float, cosine: float) -> float:
    """Standard deviation of the second Kinect's depth in mm, after Fankhauser et al. 2015.

    sigma = 1.5 - 0.5 z + 0.3 z^2 + 0.1 z^1.5 (theta / (pi/2 - theta))^2 with z in metres and the incidence
    angle theta, here up to 80 degrees.
    """
    z = 0.001 * depth
    theta = wp.acos(wp.clamp(cosine, SMALLEST_COSINE, 1.0))
    turned = theta / (0.5 * wp.pi - theta)
    return 1.5 - 0.5 * z + 0.3 * z * z + 0.1 * z * wp.sqrt(z) * turned * turned


@wp.kernel
def axial_noise_kernel(
    mixed: Images, depth: Images, cosine: Images, noise: Images, scale: float, measured: Images
):
    """Noise along the ray; see `TimeOfFlightSensor`."""
    image, row = wp.tid()
    for column in range(depth.shape[2]):
        z = mixed[image, row, column]
        if z > 0.0:
            sigma = axial_sigma(depth[image, row, column], cosine[image, row, column])
            z = wp.max(z + scale * sigma * noise[image, row, column], 1.0)
        measured[image, row, column] = z
