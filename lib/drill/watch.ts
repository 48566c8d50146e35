import pMap from 'p-map';
import { HOUR_MS } from '../config/dates.ts';
import { MOST_DRILL_HOURS } from '../config/drill-field.ts';
import { listServers, type Server } from '../openstack/compute.ts';
import { isCloudError } from '../openstack/errors.ts';
import { pause } from '../openstack/pause.ts';
import { getServer } from '../openstack/servers.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import {
  advanceDrill,
  attemptOf,
  type DrillAttempt,
  type DrillContext,
  isUnproven,
  unreadableReason,
} from './attempt.ts';
import { abandonedOf, isDrillOverdue } from './attempt-result.ts';
import { type DrillPolicy, surplusOf } from './plan.ts';
import { flavorsOf } from './request-server.ts';
import type { DrillTarget } from './targets.ts';
import { readThrowAway, type ThrowAway } from './throw-away.ts';
import { advanceVolumeDrill, type VolumeDrill } from './volume-drill.ts';

/**
 * The pauses between two checks: short at first, because most servers are active within a minute.
 */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [250, 15_000];
/** The time that one check needs, including writing the verdict and requesting the deletion. */
const LAST_CHECK_MS = 20_000;

/** The context of one drill run. */
export interface DrillRun extends DrillContext {
  policy: DrillPolicy;
  now: Date;
  regions: readonly RegionInventory[];
  /** The servers that drills of any deployment provably made, which policies do not select. */
  throwAways: readonly Server[];
  /** The snapshots of this policy. */
  snapshots: readonly DrillTarget[];
}

/**
 * The existing throw-away servers: those of this policy, and those of other policies of this
 * deployment that are older than any drill may be, because no run of their own policy deletes them
 * any more. This function reads only the metadata of the servers; the first check of each server
 * decides whether a drill made it.
 */
export async function attemptsIn(work: DrillRun): Promise<DrillAttempt[]> {
  const { owner, policy, regions, throwAways, snapshots, now } = work;
  const servers = throwAwaysIn([...regions.flatMap(({ servers: its }) => its), ...throwAways], owner);
  const idsOf = Map.groupBy(servers, ({ nonce }) => nonce);
  const listed = servers.flatMap((server) => {
    const hasTwin = new Set(idsOf.get(server.nonce)!.map(({ id }) => id)).size > 1;
    if (server.policy !== policy.policy) {
      const isOld = now.getTime() - server.createdAt.getTime() > MOST_DRILL_HOURS * HOUR_MS;
      const needless: Reason = { code: 'DRILL_OLD', hours: MOST_DRILL_HOURS };
      return isOld ? [attemptOf(server, { needless, hasTwin })] : [];
    }
    const snapshot = snapshots.find(({ id, region }) => id === server.image && region === server.region);
    const isJudged = snapshot?.drilled && snapshot.drilled >= server.createdAt;
    const needless: Reason | undefined = isJudged ? { code: 'DRILL_JUDGED' } : undefined;
    return [attemptOf(server, { needless, hasTwin, target: snapshot })];
  });
  return [...listed, ...(await unlistedAttempts(work, new Set(listed.map(({ server }) => server.id))))];
}

/**
 * The servers of drills without a verdict that are missing in the listing. Their images name them,
 * so each is requested by its id.
 */
async function unlistedAttempts(
  { session, snapshots, owner }: DrillRun,
  listed: ReadonlySet<string>,
): Promise<DrillAttempt[]> {
  const open = snapshots.flatMap((snapshot) =>
    snapshot.records.flatMap(({ server, nonce, at }) =>
      server === undefined || listed.has(server) || (snapshot.drilled && snapshot.drilled >= at)
        ? []
        : [{ snapshot, server, nonce, at }],
    ),
  );
  const found = await pMap(
    open,
    async ({ snapshot: target, server: id, nonce, at: createdAt }) => {
      const { id: image, region, policy } = target;
      const named = { id, name: 'a server', region, owner, policy, image, nonce, createdAt };
      try {
        const server = await getServer(session, region, id);
        return server
          ? [attemptOf(readThrowAway(server) ?? { ...named, name: server.name }, { target })]
          : [];
      } catch (error) {
        if (!isCloudError(error)) throw error;
        const attempt = attemptOf(named, { target });
        attempt.step = { state: 'undeletable', outcome: 'failed', reasons: [unreadableReason(error)] };
        return [attempt];
      }
    },
    { concurrency: 8 },
  );
  return found.flat();
}

function throwAwaysIn(servers: readonly Server[], owner: string): ThrowAway[] {
  return servers.flatMap((server) => {
    const found = readThrowAway(server);
    return found?.owner === owner ? [found] : [];
  });
}

/** Checks each server once that is running or being deleted. */
export async function checkOnce(
  work: DrillRun,
  attempts: readonly DrillAttempt[],
  step = advanceDrill,
): Promise<void> {
  await pMap(
    attempts.filter(isUnsettled),
    async (attempt) => {
      attempt.step = await step(work, attempt);
    },
    { concurrency: 8 },
  );
}

/**
 * Takes one step of each drill that makes volumes.
 *
 * @param attempts gets the servers that are requested now.
 */
export async function advanceVolumeDrills(
  work: DrillRun,
  drills: readonly VolumeDrill[],
  attempts: DrillAttempt[],
): Promise<void> {
  const flavors = flavorsOf(work.session);
  await pMap(
    drills,
    async (drill) => {
      const begun = await advanceVolumeDrill(work, drill, flavors);
      if (begun) attempts.push(begun);
    },
    { concurrency: 8 },
  );
}

/**
 * Checks the servers and the volumes repeatedly, until none is running, being filled or being
 * deleted, or the run deadline is near.
 */
export async function checkUntilSettled(
  work: DrillRun,
  attempts: DrillAttempt[],
  drills: readonly VolumeDrill[],
): Promise<void> {
  const { deadline } = work.session;
  for (let pauseMs = 0; attempts.some(isUnsettled) || drills.some(isOpen); ) {
    if (deadline.remainingMs() < pauseMs + LAST_CHECK_MS) return;
    await pause(pauseMs);
    await checkOnce(work, attempts);
    await advanceVolumeDrills(work, drills, attempts);
    pauseMs = Math.min(2 * pauseMs || FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
  }
}

/** Whether a further step of the drill may come to something in this run. */
function isOpen({ state, attempt }: VolumeDrill): boolean {
  if (state === 'booting') return attempt?.step.state === 'deleted';
  return state === 'filling' || state === 'deleting';
}

function isUnsettled({ step }: DrillAttempt): boolean {
  return step.state === 'running' || step.state === 'deleting';
}

/**
 * Marks the servers beyond `atOnce` for deletion, the youngest first: two simultaneous runs may
 * have begun too many drills.
 */
export async function withdrawSurplus(
  { session, owner, policy, regions, now }: DrillRun,
  attempts: DrillAttempt[],
): Promise<void> {
  const excluded = new Set(
    attempts
      .filter((attempt) => isUnproven(attempt.step) || isDrillOverdue(attempt, policy.drill, now))
      .map(({ server }) => server.id),
  );
  try {
    const servers = await pMap(regions, ({ region }) => listServers(session, region));
    const there = throwAwaysIn(servers.flat(), owner).filter(
      (server) => server.policy === policy.policy && !excluded.has(server.id),
    );
    const capacity = Math.max(0, policy.drill.atOnce - abandonedOf(attempts, policy.policy).length);
    for (const server of surplusOf(there, capacity)) {
      const attempt = attempts.find((one) => one.server.id === server.id) ?? attemptOf(server);
      attempt.needless = { code: 'DRILL_SURPLUS', atOnce: policy.drill.atOnce };
      if (!attempts.includes(attempt)) attempts.push(attempt);
    }
  } catch (error) {
    // When the servers can't be listed, the surplus servers are deleted after their verdicts.
    if (!isCloudError(error)) throw error;
  }
}
