"""Vedette and other ways to serve a SavedModel on one machine: python -m benchmarks.peers --help"""
