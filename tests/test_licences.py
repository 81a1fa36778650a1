"""Every dependency says its licence, the libraries that its wheel bundles included."""

import sys

import pytest

import licences


def test_bundled_binaries_are_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'murauer[video]'")
    monkeypatch.setattr(sys, "argv", ["licences.py", "--extras", "video"])
    assert licences.main() == 0
    lines = capsys.readouterr().out.splitlines()
    packages = {line.split()[0] for line in lines if not line.startswith(" ")}
    assert {"av", "numpy", "pillow", "msgspec", "onnxruntime"} <= packages
    assert any("libavcodec" in line and "GPL version" in line for line in lines)
    assert not any("UNKNOWN" in line for line in lines)
