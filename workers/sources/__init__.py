"""From what a user names to a directory with a SavedModel: `fetch_source`.

    SOURCE                                                     how
    ──────                                                     ───
    a directory                                                copied
    a .tar.gz, .tgz, .tar or .zip file                         `archive`: looked through, the wanted files written
    http(s)://… of an archive                                  `workers.remote.http`, then as above
    http(s)://…/ with a slash at its end                       `web_directory`: the files that a SavedModel has
    s3://…, gs://…, whatever fsspec knows: archive, directory  `workers.remote.objects`
    a name of the TensorFlow 2 Detection Model Zoo             `zoo`, then as http

`choose` says which files are taken, `variables` whether the weights are whole. Whatever fails, nothing is left, but a
download that broke off, which the next call continues.
"""

from workers.sources.fetch import Staged, fetch_source

__all__ = ["Staged", "fetch_source"]
