"""Files that are elsewhere: `http` for http(s), `objects` for whatever fsspec knows (s3, gs, …), `names` for both.

Sources of models and remote model stores are read through these. Errors are ModelSourceError, in plain sentences,
with addresses shown without their secrets.
"""
