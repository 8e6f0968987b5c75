"""What the exports are called. Apart from export.py, so that measuring and describing them needs no TensorFlow."""

SMALL, LARGE = "defects-small", "defects-large"
MODELS = (SMALL, LARGE)
VERSION = "1"
SIGNATURE_KEY, INPUT_NAME = "serving_default", "input_tensor"
