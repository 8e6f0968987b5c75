"""Every error that a user of Vedette can meet, each with a stable code.

    VedetteError
    ├── SettingsError        settings_invalid      a VEDETTE_* variable, or an option that stands for one, is wrong
    ├── RedisUnreachable     redis_unreachable     no answer at the broker's address
    ├── MessageError         message_invalid       a message has the wrong shape or types
    │   └── MessageVersionError  message_version   written by a newer or older Vedette
    ├── QueueNameError       queue_name            a queue name that no requirement spells
    ├── ModelUnknown         model_unknown         no such model in the registry
    ├── ModelBroken          model_broken          a model in the store that cannot be read or run
    │   ├── ModelUnavailable model_unavailable     the store is away, or the cache is full: may work later
    │   └── SignatureUnknown signature_unknown     nobody can tell how to feed the model or read what it gives
    ├── ModelExists          model_exists          (workers) the store has this version already
    ├── ModelStoreError      model_store           (workers) the model store cannot be written
    ├── ModelSourceError     model_source          (workers) what was to become a model cannot be fetched, or is none
    ├── LabelsError          labels_invalid        (workers) a file of labels that cannot be read
    ├── ProfileFailed        profile_failed        (workers) a model that cannot be measured
    ├── NoCapableWorker      no_capable_worker     the model is known, but no live worker can run it
    ├── JobUnknown           job_unknown           no such job, or its lifetime is over
    ├── JobClosed            job_closed            the job was cancelled or finished while work was added
    ├── WebhookRefused       webhook_refused       an address that must not be told of the end of a job
    ├── BlobsFull            blobs_full            no room for another upload, until others are forgotten
    ├── WaitTimeout          wait_timeout          the job was not finished in the time given
    ├── InvalidArgument      invalid_argument      (producer) a call's argument is wrong
    ├── ProfileFailed        profile_failed        (workers) a model that cannot be measured
    ├── MachineUnsupported   machine_unsupported   (workers) this machine cannot run a slot at all
    ├── PreflightFailed      preflight_failed      (workers) TensorFlow, NumPy or OpenCV does not work here
    └── ImageError           image                 (workers) one image cannot be used; it fails with one of
                                                   `contract.messages.FailureCode`, its neighbours do not

A code never changes its meaning; messages may be reworded. Nothing here is raised for a programmer's mistake.
"""

from typing import ClassVar


class VedetteError(Exception):
    """Base of all errors with a stable `code`. `str(error)` is one or more plain sentences for the user."""

    code: ClassVar[str] = "error"


class SettingsError(VedetteError):
    code = "settings_invalid"


class RedisUnreachable(VedetteError):
    code = "redis_unreachable"


class MessageError(VedetteError):
    code = "message_invalid"


class MessageVersionError(MessageError):
    code = "message_version"


class QueueNameError(VedetteError):
    code = "queue_name"


class ModelUnknown(VedetteError):
    code = "model_unknown"


class ModelBroken(VedetteError):
    code = "model_broken"


class ModelUnavailable(ModelBroken):
    code = "model_unavailable"


class SignatureUnknown(ModelBroken):
    code = "signature_unknown"


class ModelExists(VedetteError):
    code = "model_exists"


class ModelStoreError(VedetteError):
    code = "model_store"


class ModelSourceError(VedetteError):
    code = "model_source"


class LabelsError(VedetteError):
    code = "labels_invalid"


class NoCapableWorker(VedetteError):
    code = "no_capable_worker"


class JobUnknown(VedetteError):
    code = "job_unknown"


class JobClosed(VedetteError):
    code = "job_closed"


class WebhookRefused(VedetteError):
    code = "webhook_refused"


class BlobsFull(VedetteError):
    code = "blobs_full"


class WaitTimeout(VedetteError):
    code = "wait_timeout"
