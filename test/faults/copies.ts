import { dataOf } from '../../local/cloud/image-data.ts';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';
import { policy } from '../harness.ts';
import { addSnapshot } from '../history.ts';
import type { World } from './world.ts';

const SIZE = 100_000;
const FOREIGN = 'copies/autosnap-prod/rackspace/DFW/web/daily/2026-11-22T00:00:00Z/image.json';

/** The name of this deployment's container in Cloud Files. */
const CONTAINER = 'autosnap-test';

const diskOf = ({ bucket }: World, { id }: CloudImage) =>
  [...bucket.objects].find(([key]) => key.endsWith(`/${id}.vhd`))?.[1];

/** Two servers whose newest snapshots are to be copied, and a copy of another deployment. */
export async function addCopies(world: World): Promise<void> {
  const { cloud, dfw, account, bucket } = world;
  const offsite = { schedule: 'rate(6 hours)', keep: { last: 1 } };
  world.event = policy({ account, offsite });
  const [web, api] = dfw.servers as [CloudServer, CloudServer];
  for (const age of [0, 1, 2]) addSnapshot({ cloud }, web, age, { size: SIZE });
  for (const age of [1, 2, 3]) addSnapshot({ cloud }, api, age, { size: SIZE });
  await bucket.put(FOREIGN, '{}');
}

/** Whether the newest snapshot of each server has a complete copy, byte for byte. */
export function allCopied(world: World): boolean {
  const { dfw, bucket } = world;
  const newest = Map.groupBy(dfw.images, ({ properties }) => properties.autosnap_server).values();
  return (
    bucket.objects.has(FOREIGN) &&
    [...newest].every(([image]) => {
      const whole = [...bucket.objects.keys()].some((key) => key.endsWith(`/${image!.id}.json`));
      return whole && diskOf(world, image!)?.equals(dataOf(image!, 0, SIZE));
    })
  );
}

/** A server at Rackspace whose newest snapshot is to be exported. */
export function addExport(world: World): void {
  const { cloud, dfw, account } = world;
  const offsite = { schedule: 'rate(6 hours)', keep: { last: 1 } };
  world.event = policy({ account, offsite });
  dfw.tasks.segmentBytes = 4_000;
  const properties = { 'com.rackspace__1__options': '0' };
  for (const age of [0, 1]) addSnapshot({ cloud }, dfw.servers[0]!, age, { size: 10_000, properties });
}

/** Whether Cloud Files has the newest snapshot with its manifest. */
export function exported({ dfw, web }: World): boolean {
  const names = dfw.files.list(CONTAINER)?.map(({ name }) => name) ?? [];
  const newest = dfw.images.find(({ properties }) => properties.instance_uuid === web.id);
  return [`${newest?.id}.vhd`, `/${newest?.id}.json`].every((end) =>
    names.some((name) => name.endsWith(end)),
  );
}
