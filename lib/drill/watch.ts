import { setTimeout as pause } from 'node:timers/promises';
import pMap from 'p-map';
import type { Snapshot } from '../marker.ts';
import { listServers, type Server } from '../openstack/compute.ts';
import { isCloudError } from '../openstack/errors.ts';
import { MOST_DRILL_HOURS } from '../policy.ts';
import type { RegionSurvey } from '../survey.ts';
import { type DrillPolicy, surplusOf } from './plan.ts';
import { readThrowAway, type ThrowAway } from './throw-away.ts';
import { proceed, type Trial, trialOf, type Warden } from './trial.ts';

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
  /** Of this policy. */
  snapshots: readonly Snapshot[];
}

/**
 * The throw-away servers that are there: this policy's, and those of another policy of this deployment that are older
 * than any may be, because nobody looks after them any more.
 */
export function trialsIn({ owner, policy, regions, snapshots, now }: Work): Trial[] {
  return throwAwaysIn(
    regions.flatMap(({ servers }) => servers),
    owner,
  ).flatMap((server) => {
    if (server.policy !== policy.policy) {
      const isOld = now.getTime() - server.begunAt.getTime() > MOST_DRILL_HOURS * HOUR_MS;
      return isOld ? [trialOf(server, `it is older than ${MOST_DRILL_HOURS} hours`)] : [];
    }
    const snapshot = snapshots.find(({ id, region }) => id === server.image && region === server.region);
    if (!snapshot) return [trialOf(server, 'its snapshot is gone')];
    const isJudged = snapshot.drilled && snapshot.drilled >= server.begunAt;
    return [trialOf(server, isJudged ? 'its snapshot has its verdict' : undefined)];
  });
}

function throwAwaysIn(servers: readonly Server[], owner: string): ThrowAway[] {
  return servers.flatMap((server) => {
    const found = readThrowAway(server);
    return found?.owner === owner ? [found] : [];
  });
}

/** Looks at each once that is not settled yet. */
export async function look(work: Work, trials: readonly Trial[]): Promise<void> {
  await pMap(
    trials.filter(isOpen),
    async (trial) => {
      trial.step = await proceed(work, trial);
    },
    { concurrency: 8 },
  );
}

/** Looks again and again, until all is settled or the time of this run is used up. */
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
  { session, owner, policy, regions }: Work,
  trials: Trial[],
): Promise<void> {
  const foreign = new Set(
    trials.filter(({ step }) => step.state === 'foreign').map(({ server }) => server.id),
  );
  try {
    const servers = await pMap(regions, ({ region }) => listServers(session, region));
    const there = throwAwaysIn(servers.flat(), owner).filter(
      (server) => server.policy === policy.policy && !foreign.has(server.id),
    );
    for (const server of surplusOf(there, policy.drill.atOnce)) {
      const trial = trials.find((one) => one.server.id === server.id) ?? trialOf(server);
      trial.needless = `another run began one at the same moment, and drill.atOnce is ${policy.drill.atOnce}`;
      if (!trials.includes(trial)) trials.push(trial);
    }
  } catch (error) {
    // Then there may be too many, for as long as this run follows them.
    if (!isCloudError(error)) throw error;
  }
}
