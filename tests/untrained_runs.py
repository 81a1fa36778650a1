"""A store of a few frames and runs of untrained networks: all that evaluation reads, made in seconds."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch

from murauer.capture.depth import DEPTH_UNIT_MM
from murauer.evaluation.split import evaluate_split
from murauer.geometry.camera import Camera
from murauer.geometry.rig import CameraRig
from murauer.nets.config import NetworkConfig
from murauer.nets.model_file import MODEL_FILE, save_model
from murauer.nets.network import HandPoseNetwork
from murauer.store.frame_set import create_frame_set
from murauer.store.manifest import SPLITS, Manifest, write_manifest
from murauer.store.store import Store, open_store
from murauer.sweeps.sweep import METRICS_FILE
from murauer.training.config import Config
from murauer.training.train import RUN_FILE
from murauer.training.variants import VARIANTS

REGION = 40
JOINTS = 14
FRAMES = {"synthetic": 12, "real": 12, "twin": 12, "validation": 10, "validation_twin": 10, "test": 10}
NETWORK = NetworkConfig(
    joints=JOINTS, patch_size=32, stem_channels=4, block="basic", stage_widths=(8, 8, 8), blocks_per_stage=1,
    features=16, mapping_blocks=1, generator_channels=(8, 8), latent_normalisation="layer",
)  # fmt: skip


def _fill(folder: Path, split: str, rig: CameraRig, camera: Camera) -> None:
    """Draw each joint as a disc; splits that correspond share poses, real ones have noise and holes."""
    frames, views = FRAMES[split], 1 if split in ("twin", "test") else 3
    frame_set = create_frame_set(folder / split, frames, views, REGION, JOINTS)
    poses = {"twin": "real", "validation_twin": "validation"}.get(split, split)
    generator = np.random.default_rng(SPLITS.index(poses))
    centre = generator.uniform((-60, -60, 600), (60, 60, 800), (frames, 3))
    joints = centre[:, None] + generator.uniform(-90, 90, (frames, JOINTS, 3))
    joints[:, -1] = centre
    looks = np.random.default_rng(100 + SPLITS.index(split))
    for view in range(views):
        seen = rig.transform(torch.from_numpy(joints).float(), source=0, target=view).numpy()
        focal = camera.fx * REGION * seen[:, -1, 2] / (450 * camera.fx)
        middle = (REGION - 1) / 2
        offset = middle - focal[:, None] * seen[:, -1, :2] / seen[:, -1, 2:]
        intrinsics = np.column_stack((focal, focal, offset))
        rows, columns = np.mgrid[:REGION, :REGION]
        u = focal[:, None] * seen[..., 0] / seen[..., 2] + offset[:, :1]
        v = focal[:, None] * seen[..., 1] / seen[..., 2] + offset[:, 1:]
        near = (columns - u[..., None, None]) ** 2 + (rows - v[..., None, None]) ** 2 < 9
        depth = np.where(near, seen[..., 2, None, None], np.inf).min(axis=1)
        depth[np.isinf(depth)] = 0
        if split in ("real", "validation", "test"):
            depth = np.where((depth > 0) & (looks.random(depth.shape) > 0.1), depth + looks.normal(0, 8), 0)
        frame_set.depth[:, view] = (depth / DEPTH_UNIT_MM).round()
        frame_set.intrinsics[:, view] = intrinsics
        frame_set.centre[:, view] = seen[:, -1]
        frame_set.joints[:, view] = seen
    frame_set.person[:] = np.arange(frames) * 2 // frames
    frame_set.valid[:] = frame_set.labelled[:] = frame_set.confidence[:] = True
    frame_set.flush()


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Store:
    """Twelve poses of training data and ten of validation and test; person 1 is unseen."""
    folder = tmp_path_factory.mktemp("recording")
    camera = Camera(fx=500.0, fy=500.0, u0=320.0, v0=240.0, width=640, height=480)
    transforms = torch.eye(4).repeat(3, 1, 1)
    transforms[1:, 0, 3] = torch.tensor([120.0, -120.0])
    rig = CameraRig((camera,) * 3, transforms)
    for split in SPLITS:
        _fill(folder, split, rig, camera)
    described = {"skeleton": "nyu14", "rig": rig.to_dict(), "cube_mm": 300.0}
    write_manifest(folder, Manifest(**described, view_pair=(0, 2), unseen_persons=(1,)))
    return open_store(folder)


@pytest.fixture(scope="session")
def runs(store, tmp_path_factory) -> dict[str, Path]:
    """Untrained networks of three variants with their metrics, as a sweep leaves them."""
    folders = {}
    for seed, name in enumerate(("synth_only", "real_and_synth", "full")):
        torch.manual_seed(seed)
        blocks = NETWORK.mapping_blocks if VARIANTS[name].mapping else 0
        config = Config(network=msgspec.structs.replace(NETWORK, mapping_blocks=blocks))
        folder = tmp_path_factory.mktemp(name)
        network = HandPoseNetwork(config.network)
        for weights in network.mapping.parameters():  # m starts as the identity, which tests would not notice
            torch.nn.init.normal_(weights, std=0.2)
        labels = 0 if name == "synth_only" else 4
        save_model(folder / MODEL_FILE, network, config, variant=name, labels=labels, seed=3)
        (folder / RUN_FILE).write_text(json.dumps({"store": str(store.folder)}))
        metrics = evaluate_split(folder / MODEL_FILE, store, "test").to_dict()
        result = {"variant": name, "n_labelled": labels, "seed": 3, "test": metrics}
        (folder / METRICS_FILE).write_text(json.dumps(result))
        folders[name] = folder
    return folders
