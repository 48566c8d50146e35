"""What openstacksdk does with a cloud; the answers as JSON."""

import hashlib
import json

import openstack

cloud = openstack.connect()
seen = {}

seen["servers"] = [server.name for server in cloud.compute.servers()]
seen["named"] = [server.name for server in cloud.compute.servers(name="^db")]
seen["pages"] = [server.name for server in cloud.compute.servers(limit=2)]
server = cloud.compute.find_server("web-1")
seen["server"] = {
    "status": server.status,
    "vcpus": server.flavor["vcpus"],
    "metadata": server.metadata,
    "locked": server.is_locked,
}
cloud.compute.set_server_metadata(server, autosnap="daily,weekly", tier="gold")
cloud.compute.delete_server_metadata(server, ["tier"])
seen["changed"] = cloud.compute.get_server(server.id).metadata

image = cloud.compute.create_server_image(server, "by-sdk", metadata={"made": "by hand"}, wait=True)
seen["snapshot"] = {
    "status": image.status,
    "server": image.instance_uuid == server.id,
    "made": image.properties["made"],
}
cloud.image.update_image(image, autosnap_hold="forever", is_protected=True)
cloud.image.add_tag(image, "kept")
image = cloud.image.get_image(image.id)
seen["image"] = {
    "hold": image.properties["autosnap_hold"],
    "protected": image.is_protected,
    "tags": image.tags,
}
try:
    cloud.image.delete_image(image)
except openstack.exceptions.ForbiddenException:
    seen["refused"] = True
cloud.image.update_image(image, is_protected=False)
cloud.image.delete_image(image)
seen["deleted"] = cloud.image.find_image("by-sdk") is None

data = b"a disk" * 10_000
uploaded = cloud.create_image(
    "uploaded", data=data, disk_format="raw", container_format="bare", wait=True, min_disk=3
)
seen["uploaded"] = {
    "size": uploaded.size,
    "checksum": uploaded.checksum == hashlib.md5(data).hexdigest(),
    "min_disk": uploaded.min_disk,
    "same": cloud.image.download_image(uploaded.id).content == data,
}
cloud.image.deactivate_image(uploaded)
seen["deactivated"] = [
    cloud.image.get_image(uploaded.id).status,
    cloud.image.get(f"/images/{uploaded.id}/file").status_code,
]
cloud.image.delete_image(uploaded)

volume = cloud.create_volume(size=1, name="data", wait=True)
snapshot = cloud.create_volume_snapshot(volume.id, name="of-data", wait=True)
seen["volume_snapshots"] = [
    one.name for one in cloud.block_storage.snapshots() if one.volume_id == volume.id
]
cloud.delete_volume_snapshot(snapshot.id, wait=True)
cloud.delete_volume(volume.id, wait=True)
seen["volumes"] = [one.name for one in cloud.block_storage.volumes()]

cloud.create_container("exports")
cloud.create_object("exports", "a/small", data=b"small", metadata={"made": "by-sdk"})
seen["object"] = {
    "data": cloud.get_object("exports", "a/small")[1],
    "made": cloud.get_object_metadata("exports", "a/small")["made"],
}
seen["objects"] = [one.name for one in cloud.list_objects("exports")]
cloud.delete_object("exports", "a/small")
seen["emptied"] = cloud.delete_container("exports")

flavor = cloud.compute.find_flavor("1 GB General Purpose v1")
golden = cloud.image.find_image("golden-web-2026")
made = cloud.compute.create_server(
    name="by-sdk", image_id=golden.id, flavor_id=flavor.id, networks="none"
)
seen["made"] = cloud.compute.wait_for_server(made).status
cloud.compute.delete_server(made)
cloud.compute.wait_for_delete(made)
seen["gone"] = cloud.compute.find_server("by-sdk") is None

print(json.dumps(seen, default=lambda value: value.decode() if isinstance(value, bytes) else str(value)))
