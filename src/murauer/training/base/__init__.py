"""The base model: what is rendered, how it is varied, and the training."""
