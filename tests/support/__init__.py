"""What tests of every part share: a real Redis, builders of contract values, waiting without sleeps."""
