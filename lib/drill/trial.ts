import type { Reader } from '../belonging.ts';
import { verdictMarks } from '../marker.ts';
import { explain, isCloudError } from '../openstack/errors.ts';
import { getImage, setProperty } from '../openstack/images.ts';
import { deleteServer, getServer, type ServerDetail } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { Drill } from '../policy.ts';
import type { Outcome } from '../report.ts';
import { ask } from './check.ts';
import { isOurs, type ThrowAway } from './throw-away.ts';

const HOUR_MS = 3_600_000;

/** What looking after throw-away servers needs. */
export interface Warden {
  session: Session;
  owner: string;
  drill: Drill;
  /** Whose an image of a region is. */
  readerFor(region: string): Reader;
}

/**
 * How far a throw-away server is.
 *
 * - going: no verdict yet. leaving: told to go, and still there. left: it is there, and this run can do no more with it.
 *   gone: it is. foreign: it turned out to be none of ours.
 */
interface Step extends Result {
  state: 'going' | 'leaving' | 'left' | 'gone' | 'foreign';
}

/** What has become of a drill. */
export interface Result {
  outcome: Outcome;
  reason: string;
}

const GOING: Step = { state: 'going', outcome: 'deferred', reason: 'not looked at yet' };

/** A throw-away server that is followed to its end. */
export interface Trial {
  server: ThrowAway;
  step: Step;
  /** Why it has to go without a verdict; undefined when it is to be judged. */
  needless: string | undefined;
}

/** The beginning of {@link Trial}. */
export function trialOf(server: ThrowAway, needless?: string): Trial {
  return { server, step: GOING, needless };
}

/** Looks at a throw-away server once, and does what is next: its verdict goes to its image, then it is deleted. */
export async function proceed(warden: Warden, trial: Trial): Promise<Step> {
  try {
    return await attempt(warden, trial);
  } catch (error) {
    if (!isCloudError(error)) throw error;
    if (trial.step.state === 'leaving' || error.code === 'OUT_OF_TIME') return trial.step;
    return { state: 'left', outcome: 'failed', reason: `${explain(error)} The next run looks again.` };
  }
}

async function attempt(warden: Warden, { server, step, needless }: Trial): Promise<Step> {
  const { session, owner } = warden;
  const detail = await getServer(session, server.region, server.id);
  if (!detail || /DELETED$/.test(detail.status)) {
    return step.state === 'leaving'
      ? { ...step, state: 'gone' }
      : { state: 'gone', outcome: 'skipped', reason: 'it was deleted before there was a verdict' };
  }
  if (!isOurs(detail, server, owner)) {
    const reason = 'its marker is not that of the image that it was made from: it is left alone';
    return { state: 'foreign', outcome: 'skipped', reason };
  }
  if (step.state === 'leaving') return step;
  if (needless !== undefined) return remove(warden, server, { outcome: 'deleted', reason: needless });
  if (detail.taskState === 'deleting') {
    return { state: 'leaving', outcome: 'deleted', reason: 'somebody has told it to go' };
  }
  const found = await judge(warden.drill, detail, Date.now() - server.begunAt.getTime());
  if (found.passed === undefined) return { ...GOING, reason: found.reason };
  const recorded = await record(warden, server, found.passed);
  const { reason } = found;
  return remove(
    warden,
    server,
    recorded === 'gone'
      ? { outcome: 'deleted', reason: `${reason}; its snapshot is gone meanwhile` }
      : recorded === 'written'
        ? { outcome: found.passed ? 'proven' : 'failed', reason }
        : { outcome: 'failed', reason: `${reason}; ${recorded.problem}` },
  );
}

/** What is to be said of a snapshot by its server; `passed` is undefined while it is too early. */
async function judge(
  { hours, check }: Drill,
  { status, fault, addresses }: ServerDetail,
  ageMs: number,
): Promise<{ passed?: boolean; reason: string }> {
  const after = `after ${Math.round(ageMs / 60_000)} minutes`;
  const late = (reason: string) =>
    ageMs < hours * HOUR_MS
      ? { reason: `${reason} ${after}: the next run looks again` }
      : { passed: false, reason: `${reason} ${after}, and ${hours} hours are the limit (drill.hours)` };
  if (status === 'ERROR') {
    return { passed: false, reason: `it does not boot: ${fault ?? 'the cloud does not say why'}` };
  }
  if (status !== 'ACTIVE') return late(`it is still in ${status}`);
  if (!check) return { passed: true, reason: 'it was booted, and was ACTIVE' };
  const answer = await ask(addresses, check);
  return 'answered' in answer
    ? { passed: true, reason: `it was booted: ${answer.answered}` }
    : late(`it is ACTIVE, but ${answer.silent}`);
}

/** Writes a verdict on the image, if that is still a snapshot of ours. */
async function record(
  { session, readerFor }: Warden,
  { region, image: id }: ThrowAway,
  passed: boolean,
): Promise<'written' | 'gone' | { problem: string }> {
  try {
    const image = await getImage(session, region, id);
    if (!image || typeof readerFor(region)(image, []) !== 'object') return 'gone';
    for (const [key, value] of verdictMarks(id, passed, new Date())) {
      await setProperty(session, image, key, value);
    }
    return 'written';
  } catch (error) {
    if (!isCloudError(error) || error.code === 'OUT_OF_TIME') throw error;
    return { problem: `that could not be written on the image: ${explain(error)}` };
  }
}

/** Deletes a throw-away server, which is read once more right before. */
async function remove({ session, owner }: Warden, server: ThrowAway, result: Result): Promise<Step> {
  try {
    const now = await getServer(session, server.region, server.id);
    if (now && isOurs(now, server, owner)) await deleteServer(session, server);
    return { state: 'leaving', ...result };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    if (error.code === 'OUT_OF_TIME') return { state: 'leaving', ...result };
    const reason = `${result.reason}; but the next run has to delete the server: ${explain(error)}`;
    return { state: 'left', outcome: 'failed', reason };
  }
}

/** What is to be reported of a server when its run ends before it is gone. */
export function atTheEnd({ server, step }: Trial, { hours }: Drill, now: Date): Result {
  if (step.state !== 'leaving') return step;
  // A deletion takes moments; one that does not end is for a person to look at.
  const isStuck = now.getTime() - server.begunAt.getTime() > (hours + 1) * HOUR_MS;
  if (isStuck) {
    return { outcome: 'failed', reason: `${step.reason}; it does not go: delete it by hand` };
  }
  const outcome = step.outcome === 'deleted' ? 'deferred' : step.outcome;
  return { outcome, reason: `${step.reason}; it is still to go, the next run looks again` };
}
