"""Flower's configuration: `celery -A workers flower` takes it by itself, `--conf` names another.

Flower reads this as a file. Its environment variables (FLOWER_BASIC_AUTH, FLOWER_READ_ONLY, …) come before it and the
command line after it, so it only fills in what nobody has said. docs/monitoring.md tells what there is to set.
"""

from pathlib import Path

from flower.urls import settings as _tornado
from tornado.options import options as _told
from tornado.template import DictLoader as _DictLoader

from workers.flower.command import own_settings as _own_settings
from workers.flower.pages import read_templates as _read_templates
from workers.flower.pages import with_link as _with_link
from workers.flower.rows import format_task as format_task

# Flower's own default is every address of the machine.
address = _told.address or "127.0.0.1"

# An empty variable, as Compose writes one, is none: for Flower, it would be a password that nobody has chosen.
basic_auth = [each for each in _told.basic_auth or [] if each]

# In `args`: model, images, batch and attempt; in `exception` the last verdict; in `routing_key` the queue.
tasks_columns = "uuid,state,args,routing_key,worker,runtime,exception,received,result"

# Flower's own is a second, which is too short for a busy machine.
inspect_timeout = 3000.0

# A machine that is gone for a day is no news.
purge_offline_workers = 24 * 3600

# Tasks in memory, about 2 KB each.
max_tasks = 20_000

_fleet_url = _own_settings().fleet_url
if _fleet_url is not None:
    _templates = _read_templates(Path(_tornado["template_path"]))
    _tornado["template_loader"] = _DictLoader(_with_link(_templates, _fleet_url))
