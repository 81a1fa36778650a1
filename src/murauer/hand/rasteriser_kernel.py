"""The kernel of the rasteriser, in Warp's subset of Python (compiled for the CPU or CUDA at first use).

A pixel belongs to a triangle when its centre lies inside the projected triangle or on its border. The edge
functions are evaluated relative to the pixel, so that two triangles that share an edge compute exactly
opposite values for it: a closed mesh shows no cracks. Triangles smaller than a pixel need no special case:
one is drawn if it contains a pixel centre, and if it does not then a neighbour does.
"""

# mypy: ignore-errors
# The annotations of a kernel are Warp's array types, which mean nothing to a type checker.

import warp as wp

# Fused multiply-adds would break the exact antisymmetry of the edge function; nothing here is differentiated.
wp.set_module_options({"fuse_fp": False, "enable_backward": False})


@wp.func
def edge(a: wp.vec3, b: wp.vec3, u: float, v: float) -> float:
    """Edge function: twice the signed area of a pixel and an edge, exactly antisymmetric in a and b."""
    return (a[0] - u) * (b[1] - v) - (b[0] - u) * (a[1] - v)


@wp.func
def project(point: wp.vec3, camera: wp.vec4) -> wp.vec3:
    """Camera coordinates to (u, v, 1 / z)."""
    inverse_z = 1.0 / point[2]
    return wp.vec3(
        point[0] * inverse_z * camera[0] + camera[2], point[1] * inverse_z * camera[1] + camera[3], inverse_z
    )


@wp.func
def draw(a: wp.vec3, b: wp.vec3, c: wp.vec3, image: int, depth: wp.array(dtype=float, ndim=3)):
    """Z-buffer one projected triangle, corners (u, v, 1 / z)."""
    # Clamping as floats first: far outside the image the coordinates exceed the integers.
    u_low = wp.ceil(wp.max(wp.min(wp.min(a[0], b[0]), c[0]), 0.0))
    v_low = wp.ceil(wp.max(wp.min(wp.min(a[1], b[1]), c[1]), 0.0))
    u_high = wp.floor(wp.min(wp.max(wp.max(a[0], b[0]), c[0]), float(depth.shape[2] - 1)))
    v_high = wp.floor(wp.min(wp.max(wp.max(a[1], b[1]), c[1]), float(depth.shape[1] - 1)))
    if u_low > u_high or v_low > v_high:
        return
    for row in range(int(v_low), int(v_high) + 1):
        v = float(row)
        for column in range(int(u_low), int(u_high) + 1):
            u = float(column)
            weight_a = edge(b, c, u, v)
            weight_b = edge(c, a, u, v)
            weight_c = edge(a, b, u, v)
            lowest = wp.min(wp.min(weight_a, weight_b), weight_c)
            highest = wp.max(wp.max(weight_a, weight_b), weight_c)
            # All of one sign: inside. Both signs: outside. All zero: a triangle without area.
            if (lowest >= 0.0 or highest <= 0.0) and lowest != highest:
                area = weight_a + weight_b + weight_c
                z = area / (weight_a * a[2] + weight_b * b[2] + weight_c * c[2])
                if z < depth[image, row, column]:
                    wp.atomic_min(depth, image, row, column, z)


@wp.func
def cut(inside: wp.vec3, outside: wp.vec3, near: float) -> wp.vec3:
    """Where the segment between two camera points meets the near plane."""
    t = (near - inside[2]) / (outside[2] - inside[2])
    point = inside + t * (outside - inside)
    return wp.vec3(point[0], point[1], near)


@wp.kernel
def rasterise_triangles(
    vertices: wp.array(dtype=wp.vec3, ndim=2),
    faces: wp.array(dtype=wp.vec3i),
    cameras: wp.array(dtype=wp.vec4),
    near: float,
    depth: wp.array(dtype=float, ndim=3),
):
    """One thread per image and triangle; what lies before the near plane is cut off exactly."""
    image, triangle = wp.tid()
    face = faces[triangle]
    a = vertices[image, face[0]]
    b = vertices[image, face[1]]
    c = vertices[image, face[2]]
    camera = cameras[image]

    hidden = int(a[2] < near) + int(b[2] < near) + int(c[2] < near)
    if hidden == 3:
        return
    if hidden == 0:
        draw(project(a, camera), project(b, camera), project(c, camera), image, depth)
        return

    # Rotate the corners until a is the odd one out: the only one hidden, or the only one visible.
    odd_is_hidden = hidden == 1
    if (b[2] < near) == odd_is_hidden:
        a, b, c = b, c, a
    elif (c[2] < near) == odd_is_hidden:
        a, b, c = c, a, b
    if odd_is_hidden:
        b_cut = project(cut(b, a, near), camera)
        c_cut = project(cut(c, a, near), camera)
        c_whole = project(c, camera)
        draw(b_cut, project(b, camera), c_whole, image, depth)
        draw(b_cut, c_whole, c_cut, image, depth)
    else:
        b_cut = project(cut(a, b, near), camera)
        c_cut = project(cut(a, c, near), camera)
        draw(project(a, camera), b_cut, c_cut, image, depth)
