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
 * The real handlers, pointed at the real cloud. What a test makes there goes when it ends, however
 * it ends.
 */
export interface Bench {
  cloud: OpenStack;
  /**
   * A deployment of this test's own: nothing that another run has left is ever taken for its own.
   */
  owner: string;
  /** Puts another secret into the secrets store, in place of the user's password. */
  setSecret(secret: Record<string, string>): void;
  run<J extends AnyJob>(job: J, event: unknown, context?: Context): Promise<Result<J>>;
  /** {@link run} for a run that fails: its error. */
  fail(job: AnyJob, event: unknown): Promise<Error>;
  /** Runs a job twice at once, in two processes that know nothing of each other's leases. */
  twice(job: Job, event: unknown): Promise<[Report, Report]>;
  /** All that was logged so far, as text. */
  logs(): string;
  /** This deployment's images as Glance has them, oldest slot first; of one server if told. */
  ours(server?: string): Promise<GlanceImage[]>;
  /** The volume snapshots that are there since this test began, whoever made them. */
  volumeSnapshots(): Promise<CinderSnapshot[]>;
  /**
   * Waits until the servers are idle and none of this test's images and volume snapshots is being
   * made or deleted.
   */
  settle(): Promise<void>;
  /** An image of a server by hand; returns its id when it is made. */
  createImage(server: string, name: string, metadata?: Record<string, string>): Promise<string>;
  /** A server made from an image, like another one; returns its id when it is active. */
  restore(name: string, image: string, like: string, metadata?: Record<string, string>): Promise<string>;
  /**
   * Deletes a server that the product has made, when the test ends; all of a restore's, by its
   * request; an image. Those of drills go by themselves.
   */
  track(server: string): void;
  trackRestore(request: string): void;
  trackImage(image: string): void;
  /** Makes the cloud's snapshots slow, large or fail until {@link release}. */
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
/** The clock as it is, whatever `setTime` says; {@link bench} sets it to the last slot. */
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

/** So many days after the last slot: time for a cleanup, and too late for a snapshot. */
export function daysLater(days: number): Date {
  return new Date(LAST_SLOT_MS + days * 24 * HOUR_MS);
}

/**
 * The moment from which on an image that is still pending is taken for stuck, when its server is
 * idle.
 */
export function stuckAt({ created_at }: GlanceImage): Date {
  return new Date(Date.parse(String(created_at)) + HOUR_MS + 1_500);
}

/** The slot of a run at `time`, as it stands in the marker. */
export function slotOf(time: Date): string {
  return `${time.toISOString().slice(0, 16)}:00Z`;
}

/**
 * Waits for a later second than that of `time`: the cloud tells whole seconds, and what is of one
 * second has no order.
 */
export async function secondAfter(time: unknown): Promise<void> {
  const end = Date.parse(String(time)) + 1_000;
  await eventually(`a later second than ${time}`, async () => (realNowMs() >= end ? true : undefined));
}

/** The ids of some images, for what must be compared whatever its order. */
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
 * Takes snapshots for this very moment: for functions in processes of their own, whose clock nobody
 * sets. Where its slot has one already, those of the next slot.
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
 * A policy with a slot every minute and `last: 3` over `serverIds` in the environment's region;
 * `changes` go on top.
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
  // Fresh modules: nothing cached in memory survives from another test.
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
  const release = async () => {
    if (!environment.controlDir) return;
    for (const knob of KNOBS) await rm(join(environment.controlDir, knob), { force: true });
  };

  // A run that was broken off may have left some.
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

/** The project's own secrets store on loopback, until the test ends; returns its URL. */
async function listen(secrets: Map<string, string>): Promise<string> {
  const server = serve({ fetch: secretsApp(secrets).fetch, hostname: '127.0.0.1', port: 0 }) as Server;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
