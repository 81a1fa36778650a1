"""The example of docs/retargeting.md, on a robot hand with as many joints as it needs."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from murauer.capture.sources.simulated import SimulatedSource

pytest.importorskip("dex_retargeting", reason="dex-retargeting is not installed")

PAGE = Path(__file__).resolve().parents[1] / "docs" / "retargeting.md"
SCALE = 1.6
"""Of the robot, by the library's settings for it."""

FINGERS = {
    "link_15.0_tip": ((0.02, 0.03, 0.03), (0.6, 0.9), (0.045, 0.035, 0.03)),
    "link_3.0_tip": ((0.0, 0.025, 0.09), (0.0, 0.1), (0.045, 0.027, 0.02)),
    "link_7.0_tip": ((0.0, 0.0, 0.095), (0.0, 0.0), (0.05, 0.03, 0.022)),
    "link_11.0_tip": ((0.0, -0.02, 0.09), (0.0, -0.1), (0.045, 0.028, 0.021)),
}
"""Names of the tips, and places of the first joints, angles about z and x, and segments of a human hand."""


def robot() -> str:
    """Describe a hand whose fingers bend towards x and sway to the sides."""
    parts = ['<link name="wrist"/>']

    def joint(name: str, parent: str, child: str, at: Any, turned: Any, axis: str | None) -> None:
        inertia = '<inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/>'
        parts.append(f'<link name="{child}"><inertial><mass value="1"/>{inertia}</inertial></link>')
        moving = (
            f'<axis xyz="{axis}"/><limit lower="-0.6" upper="1.8" effort="1" velocity="1"/>' if axis else ""
        )
        place = f'<origin xyz="{at[0]} {at[1]} {at[2]}" rpy="{turned[0]} {turned[1]} {turned[2]}"/>'
        kind = "revolute" if axis else "fixed"
        ends = f'<parent link="{parent}"/><child link="{child}"/>'
        parts.append(f'<joint name="{name}" type="{kind}">{ends}{place}{moving}</joint>')

    for tip, (base, (about_z, about_x), lengths) in FINGERS.items():
        at = SCALE * np.array(base)
        joint(f"{tip}_sway", "wrist", f"{tip}_0", at, (-about_x, 0, about_z), "1 0 0")
        at = np.zeros(3)
        for number, length in enumerate(lengths):
            joint(f"{tip}_bend_{number}", f"{tip}_{number}", f"{tip}_{number + 1}", at, (0, 0, 0), "0 1 0")
            at = np.array([0, 0, SCALE * length])
        joint(f"{tip}_end", f"{tip}_{len(lengths)}", tip, at, (0, 0, 0), None)
    return f'<robot name="hand">{"".join(parts)}</robot>'


def test_a_robot_hand_follows_the_fingers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    robots = tmp_path / "dex-urdf" / "robots" / "hands" / "allegro_hand"
    robots.mkdir(parents=True)
    (robots / "allegro_hand_right.urdf").write_text(robot())
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    source = SimulatedSource(paced=False)
    for index in (0, 40, 80):
        depth = source.frame(index).depths[0]
        scope: dict[str, Any] = {"frames": 12 * [depth], "camera": source.cameras[0].camera}
        exec(compile(code, str(PAGE), "exec"), scope)
        model = scope["retargeting"].optimizer.robot
        model.compute_forward_kinematics(scope["angles"])
        tips = [model.get_link_pose(model.get_link_index(name))[:3, 3] for name in FINGERS]
        wanted = SCALE * scope["joints"][scope["end"]]
        away = np.linalg.norm(np.array(tips) - wanted, axis=-1)
        mirrored = np.linalg.norm(np.array(tips) - wanted * [-1, 1, 1], axis=-1)
        assert away.max() < 0.02 and mirrored.min() > 0.05  # m
