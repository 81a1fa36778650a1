"""A trained network for ONNX Runtime."""
