import { type Policy, parsePolicy } from '../../lib/config/policy.ts';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { newVolumeSnapshot } from '../../lib/volumes/marker.ts';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import type { CloudImage, CloudServer, Region } from '../../local/cloud/state.ts';
import { policy } from '../harness.ts';
import { addSnapshot, slotOf } from '../history.ts';
import type { ApiCall } from './calls.ts';
import { type Invocation, type InvocationResult, invoke } from './invocation.ts';
import { type MemoryBucket, memoryBucket } from './memory-bucket.ts';

const HOUR_MS = 3_600_000;

/** A separate cloud for one run of a job and its retries, with the knowledge of an observer. */
export interface World {
  cloud: Cloud;
  dfw: Region;
  /** The name of the account's secret. */
  home: Cloud;
  account: string;
  web: CloudServer;
  /** Everything that the job should delete; all other snapshots and backups have to stay. */
  mayGo: Set<string>;
  /** Everything of {@link everything} that existed before the job. */
  before: string[];
  /** Each build of a server that the cloud has begun: "REBUILD <server>". */
  builds: string[];
  /** Secrets that must never appear. */
  secrets: Set<string>;
  event: Record<string, unknown>;
  policies: Policy[];
  /** What the last run has logged. */
  logged: string;
  /** How far the clock of the functions has moved on, in milliseconds. */
  laterMs: number;
  /** The bucket for copies. */
  bucket: MemoryBucket;
  close(): Promise<void>;
}

/** A job, on a cloud that is prepared for it. */
export interface Scenario {
  name: string;
  job: Invocation['job'];
  /** The identity service; there are no volumes with Rackspace's. */
  identity: 'rackspace' | 'password';
  /** How long the cloud fills a volume, in milliseconds; its clock stands still during a run. */
  volumeMs?: number;
  /** Which calls of the job get faults; by default all. */
  concerns?(call: ApiCall): boolean;
  /** The time that Lambda gives the job, in milliseconds; by default the maximum. */
  lastsMs?: number;
  /** The time until the next run after a failed one, in milliseconds; an hour by default. */
  againAfterMs?: number;
  /**
   * Whether the clock of the functions moves on with the cloud's until the next run after a failed
   * one. Otherwise it stands still.
   */
  clockMoves?: boolean;
  /** Prepares the cloud for the job, and sets its event. */
  prepare(world: World): unknown;
  /**
   * Whether the job has reached its goal, as an observer sees it, or by the job's answer if it only
   * reads.
   */
  done(world: World, result: unknown): boolean;
}

let worlds = 0;

/** Prepares a cloud for a scenario; its clock may differ from ours. */
export async function worldOf(scenario: Scenario, home: Cloud, aheadMs = 0): Promise<World> {
  const { volumeMs = 5_000 } = scenario;
  const timing = { queuedMs: 60_000, savingMs: 600_000, buildMs: 0, volumeMs };
  const cloud = await startCloud({ regions: ['DFW'], timing });
  cloud.advance(aheadMs);
  cloud.pageSize = 4;
  const account = `account-${worlds++}`;
  home.secrets.set(`autosnap/test/${account}`, cloud.secret(scenario.identity));
  const dfw = cloud.region('DFW');
  const [web] = ['web', 'api', 'mail', 'cache', 'wiki'].map((name, i) =>
    dfw.addServer({ name, id: idOf(i) }),
  );
  const world: World = {
    cloud,
    dfw,
    home,
    account,
    web: web!,
    mayGo: new Set(),
    before: [],
    builds: [],
    secrets: watchSecrets(cloud),
    event: policy({ account }),
    policies: [parsePolicy(policy({ account }))],
    logged: '',
    laterMs: 0,
    bucket: memoryBucket(),
    close: () => cloud.close(),
  };
  const build = dfw.build.bind(dfw);
  dfw.build = (server, status) => {
    world.builds.push(`${status} ${server.id}`);
    build(server, status);
  };
  await scenario.prepare(world);
  world.before = everything(dfw);
  cloud.received.splice(0);
  return world;
}

/** All existing images, servers, volumes, and snapshots and backups of volumes. */
export function everything({ images, servers, volumes, volumeSnapshots, volumeBackups }: Region): string[] {
  return [...images, ...servers, ...volumes, ...volumeSnapshots, ...volumeBackups].map(({ id }) => id);
}

function watchSecrets({ account, tokens }: Cloud): Set<string> {
  const secrets = new Set([account.apiKey, account.password, account.applicationCredential.secret]);
  const issue = tokens.issue.bind(tokens);
  tokens.issue = () => {
    const token = issue();
    secrets.add(token.id);
    return token;
  };
  return secrets;
}

/**
 * The ids of servers are the same in each run, because the order of series in a cleanup depends on
 * them.
 */
function idOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

/** Runs a scenario's job once. */
export function run(
  { job, lastsMs = 900_000 }: Pick<Scenario, 'job' | 'lastsMs'>,
  world: World,
  requestId: string,
  remainingMs = lastsMs,
): Promise<InvocationResult> {
  const { event, policies, bucket, laterMs } = world;
  return invoke({ job, event, policies, bucket, laterMs, requestId, remainingMs });
}

/** A preparatory run, which must not fail. */
export async function runBefore(scenario: Pick<Scenario, 'job'>, world: World): Promise<unknown> {
  const { error, result } = await run(scenario, world, 'earlier');
  if (error) throw error;
  return result;
}

/** Snapshots in every state; the newest good one of "web" is `newest` days old. */
export function addHistory(world: World, newest = 0): { web: CloudImage[]; held: CloudImage } {
  const { dfw, cloud, mayGo } = world;
  const [web, api, mail] = dfw.servers as [CloudServer, CloudServer, CloudServer];
  const h = { cloud };
  const images = [0, 1, 2, 3, 4, 5].map((age) => addSnapshot(h, web, age + newest));
  for (const { id } of images.slice(3)) mayGo.add(id);
  const held = addSnapshot(h, web, 20, { properties: { autosnap_hold: 'forever' } });
  addSnapshot(h, web, 21, { protected: true });
  addSnapshot(h, web, 22, { properties: { autosnap_owner: 'autosnap-prod' } });
  addSnapshot(h, web, 23, { properties: { instance_uuid: api.id } });
  dfw.addImage({ name: 'golden', owner: cloud.account.projectId });
  const adhoc = (autosnap_expires: string) =>
    addSnapshot(h, web, 24, { properties: { autosnap_policy: 'adhoc', autosnap_expires } });
  adhoc('never asked-1 unknown');
  mayGo.add(adhoc('2026-11-20T00:00:00Z asked-2 unknown').id);
  addSnapshot(h, api, 1 + newest);
  addSnapshot(h, api, 2 + newest);
  addSnapshot(h, mail, 1 + newest);
  const failed = addSnapshot(h, mail, 2 + newest, { status: 'killed', size: null });
  addSnapshot(h, mail, 3 + newest);
  mayGo.add(failed.id);
  if (newest === 0) addSnapshot(h, api, 0, { status: 'saving', size: null });
  return { web: images, held };
}

/** Gives the server "web" two volumes, with snapshots of the newest slot. */
export function addDataVolumes({ dfw, web }: World): void {
  const slot = slotOf(0);
  for (const name of ['data', 'logs']) {
    const { id } = dfw.addVolume({ name });
    web.volumeIds.push(id);
    const marker = { owner: 'autosnap-test', policy: 'daily', server: web.id, slot };
    const snapshot = newVolumeSnapshot({ id, name, device: dfw.deviceOf(web, id) }, marker);
    dfw.addVolumeSnapshot({ ...snapshot, createdAt: new Date(slot.getTime() + 20_000) });
  }
}

/**
 * A volume-backed server with snapshots of five days, if the cloud supports images of such servers.
 */
export function addVolumeBacked({ dfw, cloud, mayGo }: World, newest = 0): CloudServer {
  const db = dfw.addServer({
    id: idOf(9),
    name: 'db',
    image: '',
    volumeIds: ['root', 'data'],
  });
  for (const volumeId of ['root', 'another']) dfw.addVolumeSnapshot({ volumeId });
  for (const age of [0, 1, 2, 3, 4]) {
    const slot = slotOf(age + newest);
    const name = `snapshot for ${imageName(db, 'daily', slot)}`;
    const parts = db.volumeIds.map((volumeId) => dfw.addVolumeSnapshot({ volumeId, name, createdAt: slot }));
    const block_device_mapping = JSON.stringify(parts.map(({ id }) => ({ snapshot_id: id })));
    const image = addSnapshot({ cloud }, db, age + newest, { size: 0, properties: { block_device_mapping } });
    if (age >= 3) for (const { id } of [image, ...parts]) mayGo.add(id);
  }
  return db;
}

/** Whether everything is gone that a cleanup should delete. */
export function rotated({ dfw, mayGo }: World): boolean {
  return ![...dfw.images, ...dfw.volumeSnapshots].some(({ id }) => mayGo.has(id));
}

/** Whether each server has a snapshot, finished or not, for the slot of today. */
export function allTaken({ dfw }: World): boolean {
  const today = slotOf(0).toISOString().slice(0, 19);
  const taken = dfw.images.filter(({ properties }) => properties.autosnap_slot?.startsWith(today));
  return dfw.servers.every(({ id }) => taken.some(({ properties }) => properties.autosnap_server === id));
}

export const later = ({ cloud }: World, afterMs = HOUR_MS) => cloud.advance(afterMs);
