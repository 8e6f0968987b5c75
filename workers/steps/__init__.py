"""Bootsteps of the worker's main process: what `celery worker` does besides consuming."""
