"""A precision that the processor does not have is said to be slow."""

import pytest

from murauer.training import device


@pytest.mark.parametrize(
    ("flags", "slow"),
    [
        ("flags : fpu sse2 avx2 fma", True),
        ("flags : avx2 avx512f avx512_vnni", True),
        ("flags : avx2 avx512f avx512_bf16", False),
        ("flags : avx2 amx_bf16 amx_tile", False),
        ("Features : fp asimd bf16 i8mm", False),
    ],
)
def test_bfloat16_without_instructions_for_it_is_slow(monkeypatch, tmp_path, flags, slow):
    processor = tmp_path / "cpuinfo"
    processor.write_text(f"processor : 0\n{flags}\n")
    monkeypatch.setattr(device, "PROCESSOR", processor)
    sentence = device.slowness("bfloat16", "cpu")
    assert ("float32" in sentence) if slow else sentence is None
    assert device.slowness("float32", "cpu") is None
    assert device.slowness("bfloat16", "cuda") is None


def test_nothing_is_said_where_the_system_does_not_tell(monkeypatch, tmp_path):
    monkeypatch.setattr(device, "PROCESSOR", tmp_path / "missing")
    assert device.slowness("bfloat16", "cpu") is None
