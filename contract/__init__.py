"""What both sides agree on: messages, requirement and capability, queue names, ledger, registry, settings, errors.

The foundation: it imports neither wing (producer, workers) nor TensorFlow, OpenCV or NumPy. See docs/protocol.md for
the same in prose.
"""
