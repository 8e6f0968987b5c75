"""The engine: SavedModels in this process, and what their outputs mean. Imports TensorFlow, so slots only."""
