"""What the Rackspace drivers of libcloud do with a cloud; the answers as JSON."""

import io
import json
import os

from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider
from libcloud.storage.drivers.cloudfiles import CloudFilesStorageDriver

credentials = (os.environ["RACKSPACE_USERNAME"], os.environ["RACKSPACE_API_KEY"])
at = {
    "region": os.environ["RACKSPACE_REGION"].lower(),
    # It adds the version.
    "ex_force_auth_url": os.environ["RACKSPACE_AUTH_URL"].removesuffix("/v2.0"),
}
compute = get_driver(Provider.RACKSPACE)(*credentials, **at)
seen = {}

nodes = compute.list_nodes()
seen["nodes"] = [node.name for node in nodes]
web = nodes[0]
seen["node"] = {"state": web.state, "metadata": web.extra["metadata"], "host": bool(web.extra["hostId"])}
seen["sizes"] = [[size.name, size.ram, size.disk, size.vcpus] for size in compute.list_sizes()][:2]
seen["metadata"] = compute.ex_set_metadata(web, {"autosnap": "daily", "tier": "gold"})
seen["images"] = sorted(image.name for image in compute.list_images() if "daily" not in image.name)

image = compute.create_image(web, "by-libcloud", {"Tier": "gold"})
image = compute.get_image(image.id)
seen["image"] = {
    "name": image.name,
    "status": image.extra["status"],
    "tier": image.extra["metadata"]["tier"],
    "server": image.extra["serverId"] == web.id,
}
seen["deleted"] = compute.delete_image(image)
seen["left"] = [image.name for image in compute.list_images() if image.name == "by-libcloud"]

files = CloudFilesStorageDriver(*credentials, **at)
container = files.create_container("backups")
stored = files.upload_object_via_stream(
    io.BytesIO(b"some data"), container, "ünï/x.vhd", extra={"meta_data": {"made": "by-libcloud"}}
)
found = files.get_object("backups", "ünï/x.vhd")
seen["object"] = {
    "name": found.name,
    "size": found.size,
    "made": found.meta_data,
    "data": b"".join(files.download_object_as_stream(found)).decode(),
}
seen["containers"] = [one.name for one in files.iterate_containers()]
seen["listed"] = [one.name for one in files.iterate_container_objects(container, prefix="ünï/")]
files.delete_object(found)
seen["emptied"] = files.delete_container(container)

print(json.dumps(seen))
