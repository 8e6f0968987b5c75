"""Flower, and the gateway's page of the fleet; a slot is killed in the middle, so that there is something to see."""

from pathlib import Path
from urllib.parse import quote

from docs.pictures.browser import PHONE, WIDE, shoot
from docs.pictures.scene import plates, running, work


def take(folder: Path) -> None:
    images = plates(folder)
    with running(folder) as (stack, client):
        work(client, images)
        large = next(advert.node for advert in client.fleet() if advert.node.startswith("large@"))
        shoot(f"{stack.flower_url}/tasks", "flower-tasks.png", WIDE)
        shoot(f"{stack.flower_url}/worker/{quote(large)}#tab-other", "flower-worker.png")
        shoot(f"{stack.gateway_url}/fleet", "fleet.png")
        shoot(f"{stack.gateway_url}/fleet", "fleet-phone.png", PHONE)
