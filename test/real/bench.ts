import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { onTestFinished, vi } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import { secretsApp } from '../../local/cloud/secrets.ts';
import { lambdaContext } from '../../local/context.ts';
import { type AnyJob, FUNCTIONS } from '../functions.ts';
import {
  type Context,
  captureLogs,
  type Job,
  policy,
  type Result,
  setTime,
  stubEnvironment,
} from '../harness.ts';
import { environment } from './environment.ts';
import { type CinderSnapshot, eventually, type GlanceImage, OpenStack } from './openstack.ts';

/**
 * The real handlers, pointed at the real cloud. Everything that a test creates there is deleted at
 * its end, however it ends.
 */
export interface Bench {
  cloud: OpenStack;
  /** This test's own deployment, so that leftovers of another run never count as its own. */
  owner: string;
  /** Replaces the user's password in the secrets store by another secret. */
  setSecret(secret: Record<string, string>): void;
  run<J extends AnyJob>(job: J, event: unknown, context?: Context): Promise<Result<J>>;
  /** Runs a handler that has to fail, as {@link run}. Returns its error. */
  fail(job: AnyJob, event: unknown): Promise<Error>;
  /** Runs a job twice at once, in two processes that do not know each other's leases. */
  twice(job: Job, event: unknown): Promise<[Report, Report]>;
  /** Everything that was logged so far, as text. */
  logs(): string;
  /** This deployment's images in Glance, oldest slot first; optionally of one server. */
  ours(server?: string): Promise<GlanceImage[]>;
  /** The volume snapshots that were created since this test began, by anyone. */
  volumeSnapshots(): Promise<CinderSnapshot[]>;
  /**
   * Waits until the servers are idle, and none of this test's images and volume snapshots is being
   * created or deleted.
   */
  settle(): Promise<void>;
  /** Creates an image of a server by hand. Returns its id once it is finished. */
  createImage(server: string, name: string, metadata?: Record<string, string>): Promise<string>;
  /** Creates a server from an image, like another one. Returns its id once it is active. */
  restore(name: string, image: string, like: string, metadata?: Record<string, string>): Promise<string>;
  /**
   * Deletes something that the product created when the test ends: a server, all of a restore by
   * its request, or an image. Drills delete their own servers.
   */
  track(server: string): void;
  trackRestore(request: string): void;
  trackImage(image: string): void;
  /** Makes the cloud's snapshots slow, large or failing until {@link release}. */
  turn(knob: Knob, value: string): Promise<void>;
  release(): Promise<void>;
}

type Knob = 'fake_snapshot_fail' | 'fake_snapshot_delay' | 'fake_snapshot_size';
const KNOBS: Knob[] = ['fake_snapshot_fail', 'fake_snapshot_delay', 'fake_snapshot_size'];

const { authUrl, username, password, projectName, userDomainName, projectDomainName, volumeServerId } =
  environment;

/** The secret with the user's password. */
export const passwordSecret = {
  authUrl,
  username,
  password,
  projectName,
  userDomainName,
  projectDomainName,
};

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** The real time, whatever `setTime` sets; {@link bench} sets it to the last slot. */
export const realNowMs = () => performance.timeOrigin + performance.now();
const LAST_SLOT_MS = Math.floor(realNowMs() / MINUTE_MS) * MINUTE_MS + 50 * MINUTE_MS;

/**
 * Twenty seconds into a slot of {@link policyOf}, which has one every minute; 0 is the last one.
 *
 * The cloud's clock can't be set, and a snapshot is ours only if it was created at most an hour
 * before its slot, and before the next one. So the slots lie in the hour to come; there are some
 * forty.
 */
export function slotAt(index: number): Date {
  return new Date(LAST_SLOT_MS + index * MINUTE_MS + 20_000);
}

/**
 * The time that many days after the last slot: late enough for a cleanup, and too late for a
 * snapshot.
 */
export function daysLater(days: number): Date {
  return new Date(LAST_SLOT_MS + days * 24 * HOUR_MS);
}

/** The time from which an image that is still pending counts as stuck, if its server is idle. */
export function stuckAt({ created_at }: GlanceImage): Date {
  return new Date(Date.parse(String(created_at)) + HOUR_MS + 1_500);
}

/** The slot of a run at `time`, as in the marker. */
export function slotOf(time: Date): string {
  return `${time.toISOString().slice(0, 16)}:00Z`;
}

/**
 * Waits for a later second than that of `time`: the cloud's times are in seconds, and items of the
 * same second have no order.
 */
export async function secondAfter(time: unknown): Promise<void> {
  const end = Date.parse(String(time)) + 1_000;
  await eventually(`a later second than ${time}`, async () => (realNowMs() >= end ? true : undefined));
}

/** The ids of some images, sorted, to compare them in any order. */
export function idsOf(images: readonly { id: string }[]): string[] {
  return images.map(({ id }) => id).sort();
}

/** Takes the snapshots of some slots, one after the other; see {@link slotAt}. */
export async function takeSlots(
  { run, settle }: Bench,
  servers: string[],
  slots: number[],
  changes: Record<string, unknown> = {},
): Promise<void> {
  for (const slot of slots) {
    setTime(slotAt(slot));
    await run('snapshot', policyOf(servers, changes));
    await settle();
  }
}

/**
 * Takes snapshots at the real time, for functions in other processes, whose clock cannot be set. If
 * this slot already has a snapshot, it takes those of the next one.
 */
export async function takeNow({ run, settle }: Bench, servers: string[]): Promise<void> {
  await eventually('a slot that no snapshot was taken for', async () => {
    setTime(new Date(realNowMs()));
    const { totals } = await run('snapshot', policyOf(servers, { schedule: 'rate(1 minute)' }));
    return totals.taken === servers.length ? true : undefined;
  });
  await settle();
}

/**
 * A policy with a slot every minute and `last: 3` for `serverIds` in the environment's region;
 * `changes` are applied to it.
 */
export function policyOf(serverIds: string[], changes: Record<string, unknown> = {}) {
  return policy({
    schedule: 'cron(* * * * ? *)',
    regions: [environment.region],
    servers: { ids: serverIds },
    ...changes,
  });
}

export async function bench(): Promise<Bench> {
  setTime(slotAt(0));
  const cloud = new OpenStack();
  const stage = `real-${crypto.randomUUID().slice(0, 8)}`;
  const owner = `autosnap-${stage}`;
  const madeImages: string[] = [];
  const madeServers: string[] = [];
  const requests: string[] = [];
  const secrets = new Map<string, string>();
  const setSecret: Bench['setSecret'] = (secret) => {
    secrets.set(`autosnap/${stage}/rackspace`, JSON.stringify(secret));
  };
  setSecret(passwordSecret);
  stubEnvironment(await listen(secrets));
  vi.stubEnv('AUTOSNAP_STAGE', stage);
  vi.stubEnv('AUTOSNAP_OWNER', owner);
  const lines = captureLogs();
  // Fresh modules, without anything that another test left in memory.
  vi.resetModules();

  const run: Bench['run'] = async <J extends AnyJob>(job: J, event: unknown, context: Context = {}) => {
    const { handler } = await FUNCTIONS[job]();
    const { remainingMs, requestId } = context;
    return handler(event, lambdaContext(`${owner}-${job}`, remainingMs, requestId)) as Promise<Result<J>>;
  };
  const ours: Bench['ours'] = async (server) =>
    (await cloud.images())
      .filter((image) => image.autosnap_owner === owner)
      .filter((image) => server === undefined || image.autosnap_server === server)
      .sort((a, b) => String(a.autosnap_slot).localeCompare(String(b.autosnap_slot)));
  const allVolumeSnapshots = async () => (volumeServerId ? cloud.volumeSnapshots() : []);
  const earlier = new Set(idsOf(await allVolumeSnapshots()));
  const volumeSnapshots: Bench['volumeSnapshots'] = async () =>
    (await allVolumeSnapshots()).filter(({ id }) => !earlier.has(id));
  const allVolumes = async () => (volumeServerId ? cloud.volumes() : []);
  const earlierVolumes = new Set(idsOf(await allVolumes()));
  const release = async () => {
    if (!environment.controlDir) return;
    for (const knob of KNOBS) await rm(join(environment.controlDir, knob), { force: true });
  };

  // An interrupted run may have left some.
  await release();
  onTestFinished(async () => {
    await release();
    const made = (await cloud.servers()).filter(
      ({ metadata: { autosnap_restore: request = '', autosnap_drill: drill = '' } }) =>
        requests.includes(request.split(' ')[0]!) || drill.startsWith(`${owner} `),
    );
    for (const id of [...madeServers, ...idsOf(made)]) await cloud.deleteServer(id);
    await cloud.idle(environment.serverIds);
    for (const id of [...madeImages, ...idsOf(await ours())]) await cloud.deleteImage(id);
    for (const { id } of await volumeSnapshots()) await cloud.deleteVolumeSnapshot(id);
    for (const { id } of await allVolumes()) if (!earlierVolumes.has(id)) await cloud.deleteVolume(id);
  });

  return {
    cloud,
    owner,
    setSecret,
    run,
    fail: (job, event) =>
      run(job, event).then(
        () => new Error('the run did not fail'),
        (thrown: Error) => thrown,
      ),
    async twice(job, event) {
      const handlers = [];
      for (const _ of [1, 2]) {
        vi.resetModules();
        handlers.push((await FUNCTIONS[job]()).handler);
      }
      const runs = handlers.map((handler) => handler(event as never, lambdaContext(`${owner}-${job}`)));
      await Promise.allSettled(runs);
      return (await Promise.all(runs)) as [Report, Report];
    },
    logs: () => lines.join('\n'),
    ours,
    volumeSnapshots,
    async settle() {
      await cloud.idle([...environment.serverIds, ...madeServers]);
      await eventually('every image made', async () =>
        (await ours()).every(({ status }) => status === 'active') ? true : undefined,
      );
      await eventually('every volume snapshot made or gone', async () =>
        (await volumeSnapshots()).every(({ status }) => status === 'available') ? true : undefined,
      );
    },
    async createImage(server, name, metadata) {
      const id = await cloud.createImage(server, name, metadata);
      madeImages.push(id);
      await eventually(`${name} made`, async () =>
        (await cloud.image(id))?.status === 'active' ? true : undefined,
      );
      await cloud.idle([server]);
      return id;
    },
    async restore(name, image, like, metadata) {
      const id = await cloud.createServer(name, image, like, metadata);
      madeServers.push(id);
      await eventually(`server ${name} active`, async () =>
        (await cloud.server(id))?.status === 'ACTIVE' ? true : undefined,
      );
      return id;
    },
    track: (id) => void madeServers.push(id),
    trackRestore: (request) => void requests.push(request),
    trackImage: (id) => void madeImages.push(id),
    turn: (knob, value) => writeFile(join(environment.controlDir, knob), value),
    release,
  };
}

/** The project's own secrets store on loopback, until the test ends. Returns its URL. */
async function listen(secrets: Map<string, string>): Promise<string> {
  const server = serve({ fetch: secretsApp(secrets).fetch, hostname: '127.0.0.1', port: 0 }) as Server;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
