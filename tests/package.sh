#!/usr/bin/env bash
# Builds wheel and sdist, installs the wheel alone into an empty environment, and predicts one frame with it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python -m build --outdir "$work/dist" . > "$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
python -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -c constraints.txt "$work"/dist/*.whl

# A hand before a wall, rendered by this checkout: the installation to be tested cannot render.
python - "$work" <<'EOF'
import sys

from murauer.capture.sources import open_source
from murauer.capture.camera_file import write_camera_file
from pathlib import Path

import numpy as np

with open_source("simulated:?cameras=1&paced=false") as source:
    frame = next(iter(source))
    np.save(f"{sys.argv[1]}/frame.npy", frame.depths[0])
    write_camera_file(Path(sys.argv[1]) / "camera.json", source.cameras)
EOF
cd "$work"
venv/bin/murauer info --self-test
venv/bin/murauer predict frame.npy --camera camera.json --depth-scale 1 --out joints.json --overlay picture.png
venv/bin/python -c "
import json
frame = json.load(open('joints.json'))['frames'][0]
assert frame['joints_xyz_mm'], frame
print('the installed package found a hand, confidence', round(frame['confidence'], 2))
"
