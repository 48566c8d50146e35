import pMap from 'p-map';
import { MOST_DRILL_HOURS } from '../config/policy.ts';
import { listServers, type Server } from '../openstack/compute.ts';
import { isCloudError } from '../openstack/errors.ts';
import { pause } from '../openstack/pause.ts';
import { getServer } from '../openstack/servers.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { RegionSurvey } from '../snapshots/region-inventory.ts';
import {
  abandonedOf,
  isLeftAlone,
  isStuck,
  proceed,
  readLater,
  type Trial,
  trialOf,
  type Warden,
} from './attempt.ts';
import { type Drillable, type DrillPolicy, surplusOf } from './plan.ts';
import { readThrowAway, type ThrowAway } from './throw-away.ts';

const HOUR_MS = 3_600_000;
/** Between two looks: short at first, because most servers are there in a minute. */
const [FIRST_PAUSE_MS, LONGEST_PAUSE_MS] = [250, 15_000];
/** What a last look needs, with a verdict and a deletion. */
const LAST_LOOK_MS = 20_000;

/** What a run works with. */
export interface Work extends Warden {
  policy: DrillPolicy;
  now: Date;
  regions: readonly RegionSurvey[];
  /** The servers that are provably of drills, of whichever deployment. */
  throwAways: readonly Server[];
  /** Of this policy. */
  snapshots: readonly Drillable[];
}

/**
 * The throw-away servers that are there: this policy's, and those of another policy of this deployment that are older
 * than any may be, because nobody looks after them any more. What they are is open until a look: all that is read here
 * are their metadata.
 */
export async function trialsIn(work: Work): Promise<Trial[]> {
  const { owner, policy, regions, throwAways, snapshots, now } = work;
  const servers = throwAwaysIn([...regions.flatMap(({ servers: its }) => its), ...throwAways], owner);
  const idsOf = Map.groupBy(servers, ({ nonce }) => nonce);
  const listed = servers.flatMap((server) => {
    const hasTwin = new Set(idsOf.get(server.nonce)!.map(({ id }) => id)).size > 1;
    if (server.policy !== policy.policy) {
      const isOld = now.getTime() - server.createdAt.getTime() > MOST_DRILL_HOURS * HOUR_MS;
      const needless: Reason = { code: 'DRILL_OLD', hours: MOST_DRILL_HOURS };
      return isOld ? [trialOf(server, { needless, hasTwin })] : [];
    }
    const snapshot = snapshots.find(({ id, region }) => id === server.image && region === server.region);
    const isJudged = snapshot?.drilled && snapshot.drilled >= server.createdAt;
    return [trialOf(server, { needless: isJudged ? { code: 'DRILL_JUDGED' } : undefined, hasTwin })];
  });
  return [...listed, ...(await unlisted(work, new Set(listed.map(({ server }) => server.id))))];
}

/** The servers of drills without a verdict that the listing has left out: their images name them, and the cloud has them. */
async function unlisted({ session, snapshots, owner }: Work, listed: ReadonlySet<string>): Promise<Trial[]> {
  const open = snapshots.flatMap((snapshot) =>
    snapshot.records.flatMap(({ server, nonce, at }) =>
      server === undefined || listed.has(server) || (snapshot.drilled && snapshot.drilled >= at)
        ? []
        : [{ snapshot, server, nonce, at }],
    ),
  );
  const found = await pMap(
    open,
    async ({ snapshot: { id: image, region, policy }, server: id, nonce, at: createdAt }) => {
      const named = { id, name: 'a server', region, owner, policy, image, nonce, createdAt };
      try {
        const server = await getServer(session, region, id);
        return server ? [trialOf(readThrowAway(server) ?? { ...named, name: server.name })] : [];
      } catch (error) {
        if (!isCloudError(error)) throw error;
        const trial = trialOf(named);
        trial.step = { state: 'left', outcome: 'failed', reasons: [readLater(error)] };
        return [trial];
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

/** Looks at each once that is not settled yet. */
export async function look(work: Work, trials: readonly Trial[], step = proceed): Promise<void> {
  await pMap(
    trials.filter(isOpen),
    async (trial) => {
      trial.step = await step(work, trial);
    },
    { concurrency: 8 },
  );
}

/** Looks again and again, until all is settled or the run deadline is reached. */
export async function follow(work: Work, trials: readonly Trial[]): Promise<void> {
  const { deadline } = work.session;
  for (let pauseMs = 0; trials.some(isOpen); ) {
    if (deadline.remainingMs() < pauseMs + LAST_LOOK_MS) return;
    await pause(pauseMs);
    await look(work, trials);
    pauseMs = Math.min(2 * pauseMs || FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
  }
}

function isOpen({ step }: Trial): boolean {
  return step.state === 'going' || step.state === 'leaving';
}

/** Two runs at the same moment may both have begun some: what is too many then goes, the youngest first. */
export async function withdrawSurplus(
  { session, owner, policy, regions, now }: Work,
  trials: Trial[],
): Promise<void> {
  const passedOver = new Set(
    trials
      .filter((trial) => isLeftAlone(trial.step) || isStuck(trial, policy.drill, now))
      .map(({ server }) => server.id),
  );
  try {
    const servers = await pMap(regions, ({ region }) => listServers(session, region));
    const there = throwAwaysIn(servers.flat(), owner).filter(
      (server) => server.policy === policy.policy && !passedOver.has(server.id),
    );
    const places = Math.max(0, policy.drill.atOnce - abandonedOf(trials, policy.policy).length);
    for (const server of surplusOf(there, places)) {
      const trial = trials.find((one) => one.server.id === server.id) ?? trialOf(server);
      trial.needless = { code: 'DRILL_SURPLUS', atOnce: policy.drill.atOnce };
      if (!trials.includes(trial)) trials.push(trial);
    }
  } catch (error) {
    // Then there may be too many, for as long as this run follows them.
    if (!isCloudError(error)) throw error;
  }
}
