"""From a reference to pixels: where it may point, how large it is, what it decodes to. No TensorFlow."""
