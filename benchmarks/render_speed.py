"""How fast labelled depth images come out of nothing, on one core.

Each stage from random numbers to a measured depth image is timed by itself on the same hands, and the
rasteriser is compared in the same run with an independent ray caster (Embree through trimesh) that draws the
same pixels.

    python benchmarks/render_speed.py

Times are CPU times of one thread, so that other processes on the machine disturb them little.
"""

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import trimesh

from murauer.hand.clutter import merge_depth, sample_clutter
from murauer.hand.model import HandModel, place
from murauer.hand.pose_prior import PosePrior
from murauer.hand.rasteriser import rasterise_depth
from murauer.hand.sensors import StructuredLightSensor, TimeOfFlightSensor
from murauer.hand.shape import ShapePrior
from murauer.hand.viewpoint import sample_viewpoints

DISTANCE_MM, CUBE_MM = 700.0, 300.0


def measure(size: int, hands: int, repeats: int, rays: int) -> dict[str, float]:
    """Milliseconds per hand of each stage (best of the repeats), and what follows from them."""
    generator = torch.Generator().manual_seed(0)
    model, poses, shapes = HandModel(), PosePrior(), ShapePrior()
    focal, centre = size * DISTANCE_MM / CUBE_MM, (size - 1) / 2
    camera = torch.tensor([[focal, focal, centre, centre]]).repeat(hands, 1)
    position = torch.tensor([[0.0, 0.0, DISTANCE_MM]]).repeat(hands, 1)
    result: dict[str, float] = {}

    def timed(stage: str, function: Callable[[], Any]) -> Any:
        value = function()  # compiles, allocates
        best = float("inf")
        for _ in range(repeats):
            start = time.process_time()
            value = function()
            best = min(best, time.process_time() - start)
        result[f"{stage}_ms"] = best / hands * 1000
        return value

    angles, shape, rotation = timed(
        "sampling",
        lambda: (
            poses.sample(hands, generator),
            shapes.sample(hands, generator),
            sample_viewpoints(hands, generator),
        ),
    )
    with torch.no_grad():
        vertices = timed("skinning", lambda: place(model(angles, shape).vertices, rotation, position))
    depth = timed("rasterising", lambda: rasterise_depth(vertices, model.faces, camera, size, size))
    clutter = timed("clutter", lambda: sample_clutter(position, generator))

    def scene() -> torch.Tensor:
        merged = depth
        for piece in clutter:
            merged = merge_depth(merged, rasterise_depth(piece.vertices, piece.faces, camera, size, size))
        return merged

    cluttered = timed("rasterising_clutter", scene)
    timed("structured_light", lambda: StructuredLightSensor()(cluttered, camera, generator))
    timed("time_of_flight", lambda: TimeOfFlightSensor()(cluttered, camera, generator))

    result["ray_casting_ms"] = ray_cast_ms(vertices[:rays].numpy(), model.faces.numpy(), focal, centre, size)
    result["pose_to_depth_hands_per_s"] = 1000 / (result["skinning_ms"] + result["rasterising_ms"])
    result["sampled_pose_to_depth_hands_per_s"] = 1000 / (
        result["sampling_ms"] + result["skinning_ms"] + result["rasterising_ms"]
    )
    result["ray_casting_over_rasterising"] = result["ray_casting_ms"] / result["rasterising_ms"]
    result["triangles"] = len(model.faces)
    result["pixels_on_the_hand"] = (depth > 0).sum().item() / hands
    return result


def ray_cast_ms(vertices: np.ndarray, faces: np.ndarray, focal: float, centre: float, size: int) -> float:
    """Milliseconds per hand of the ray caster, its acceleration structure included: each hand is new."""
    v, u = np.mgrid[:size, :size].reshape(2, -1)
    directions = np.stack([(u - centre) / focal, (v - centre) / focal, np.ones(u.size)], axis=1)
    origins = np.zeros_like(directions)
    start = time.process_time()
    for hand in vertices:
        trimesh.Trimesh(hand, faces, process=False).ray.intersects_location(
            origins, directions, multiple_hits=False
        )
    return (time.process_time() - start) / len(vertices) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=128, help="side of the images in pixels")
    parser.add_argument("--hands", type=int, default=128, help="hands in a batch")
    parser.add_argument("--repeats", type=int, default=10, help="runs of each stage; the best one counts")
    parser.add_argument("--rays", type=int, default=16, help="hands drawn by the ray caster")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = measure(arguments.size, arguments.hands, arguments.repeats, arguments.rays)
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    for name, value in result.items():
        print(f"{name:36s} {value:10.3f}")


if __name__ == "__main__":
    main()
