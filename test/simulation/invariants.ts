import { ADHOC } from '../../lib/config/adhoc-event.ts';
import type { Keep, Policy } from '../../lib/config/policy.ts';
import type { Server } from '../../lib/openstack/compute.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { promised } from './promises.ts';
import { DAY_MS, PROJECT, type Stored, type Taken } from './world.ts';

/** A violation of a rule of docs/retention.md. The message has the rule, the place and the time. */
export class Violation extends Error {
  override name = 'Violation';
}

/** One cleanup of one policy: the state before, and what the cleanup did. */
export interface Cleanup {
  now: Date;
  policy: Policy;
  servers: readonly Server[];
  before: readonly Stored[];
  /** Image ids. */
  deleted: ReadonlySet<string>;
  deferred: ReadonlySet<string>;
  /** What a second cleanup right after it would delete. */
  again: ReadonlySet<string>;
}

type Ours = Stored & { taken: Taken };

/** A series after a cleanup. */
interface Settled {
  keep: Keep;
  counted: ReadonlySet<string>;
  /** The images of it that stay only because others can see them. */
  exposed: ReadonlySet<string>;
}

/**
 * Checks every cleanup, with the truth about each image, and independently of
 * lib/snapshots/retention.ts.
 */
export class Watch {
  readonly #settled = new Map<string, Settled>();
  /** The latest snapshot of each series. */
  readonly #latest = new Map<string, Taken>();

  /** @throws {Violation} if a slot with a snapshot that has not failed gets another. */
  checkTaken(taken: Taken, now: Date): void {
    const key = `${taken.policy} ${taken.server}`;
    const last = this.#latest.get(key);
    if (last?.slotMs === taken.slotMs && last.exists && last.ending === 'active') {
      throw new Violation(
        `${now.toISOString()}, policy ${taken.policy}: server ${taken.server} has it twice`,
      );
    }
    this.#latest.set(key, taken);
  }

  /** @throws {Violation} for the first rule that is broken. */
  check(cleanup: Cleanup): void {
    const { policy, before, deleted, deferred, again, now } = cleanup;
    const breaks = (what: string): never => {
      throw new Violation(`${now.toISOString()}, policy ${policy.policy}: ${what}`);
    };
    const alive = new Set(cleanup.servers.map(({ id }) => id));
    const ours = before.filter((stored): stored is Ours => stored.taken?.policy === policy.policy);
    const series = Map.groupBy(ours, ({ taken }) => taken.server);

    if (deleted.size > 0) {
      for (const stored of before.filter(({ image }) => deleted.has(image.id))) {
        const why = whyToStay(stored, policy.policy, alive, now);
        if (why) breaks(`image ${stored.image.id} is deleted, but ${why}`);
      }
    }
    const surprise = [...again].find((id) => !deferred.has(id));
    if (surprise) breaks(`a second cleanup would delete ${surprise}, which the first one kept`);

    for (const [server, all] of series) {
      const problem = this.#checkSeries(cleanup, server, all, alive.has(server));
      if (problem) breaks(`series of server ${server}: ${problem}`);
    }
  }

  #checkSeries(cleanup: Cleanup, server: string, all: Ours[], isThere: boolean): string | undefined {
    const { policy, deleted, deferred, now } = cleanup;
    const { keep } = policy;
    const counted = all
      .filter(({ image, taken }) => isGood(image) && !isHeld(image, now) && taken.slotMs <= now.getTime())
      .sort((a, b) => b.taken.slotMs - a.taken.slotMs);
    const left = counted.filter(({ image }) => !deleted.has(image.id));
    const key = `${policy.policy} ${server}`;
    const last = this.#settled.get(key);
    const waits = all.some(({ image }) => deferred.has(image.id));
    if (waits) this.#settled.delete(key);
    else {
      const exposed = left.filter((stored) => isExposed(stored));
      this.#settled.set(key, { keep, counted: idsOf(left), exposed: idsOf(exposed) });
    }

    if (all.filter(({ image }) => deleted.has(image.id)).length > policy.maxDeletes) {
      return `more than ${policy.maxDeletes} deleted in one run`;
    }
    const same = (stored: Ours) =>
      last?.counted.has(stored.image.id) && (isExposed(stored) || !last.exposed.has(stored.image.id));
    const aged = last?.keep === keep && counted.every(same);
    if (left.length === counted.length && (aged || !isThere)) return undefined;
    if (left.length < Math.min(counted.length, keep.atLeast)) {
      return `${left.length} of ${counted.length} good ones are left, fewer than atLeast ${keep.atLeast}`;
    }
    if (left[0] !== counted[0]) return 'the newest good one is deleted';
    const newest = counted[0]?.taken.slotMs ?? Number.NEGATIVE_INFINITY;
    const failed = all.find(
      ({ image, taken }) => deleted.has(image.id) && !isGood(image) && taken.slotMs >= newest,
    );
    if (failed) return `failed ${failed.image.id} is deleted without a newer good one`;
    if (aged) return 'nothing but time has passed, and good ones are deleted';
    return checkPromises(counted, left, cleanup);
  }
}

function idsOf(stored: readonly Stored[]): Set<string> {
  return new Set(stored.map(({ image }) => image.id));
}

function isExposed({ image }: Stored): boolean {
  return image.visibility !== 'private';
}

/** Everything that the rules keep exists, and otherwise only what waits for the next run. */
function checkPromises(counted: Ours[], left: Ours[], { policy, deferred }: Cleanup): string | undefined {
  const slots = promised(
    counted.map(({ taken }) => taken.slotMs),
    policy,
  );
  const lost = counted.find((stored) => slots.has(stored.taken.slotMs) && !left.includes(stored));
  if (lost) return `the good one of ${slotText(lost)} is deleted, but a rule keeps it`;
  const over = left.find(
    ({ taken, image }) =>
      !slots.has(taken.slotMs) && !deferred.has(image.id) && image.visibility === 'private',
  );
  return over && `the good one of ${slotText(over)} is kept, but no rule keeps it`;
}

/** Why an image must not be deleted, whatever else exists; undefined if it may be deleted. */
function whyToStay(
  { image, taken }: Stored,
  policy: string,
  servers: ReadonlySet<string>,
  now: Date,
): string | undefined {
  if (!taken) return 'it is not ours';
  if (image.owner !== PROJECT) return "it can't be shown to be ours";
  if (image.visibility !== 'private') return 'others can see it';
  if (isHeld(image, now)) return 'it is held';
  if (!servers.has(taken.server)) return 'its server is gone';
  if (taken.slotMs > now.getTime()) return 'it is dated in the future';
  const failed = image.status === 'killed' || image.status === 'error';
  if (!failed && !isGood(image)) return `it is ${image.status} with ${image.sizeBytes} bytes`;
  if (taken.policy === ADHOC) {
    return now.getTime() < (taken.expiresMs ?? Number.POSITIVE_INFINITY) ? 'its end has not come' : undefined;
  }
  if (taken.policy !== policy) return `it is of the policy ${taken.policy}`;
  const young = now.getTime() - image.createdAt.getTime() < DAY_MS;
  return failed && young ? 'it has failed less than a day ago' : undefined;
}

/** Whether a snapshot of ours can be restored, and can be recognised as ours. */
export function isGood({ status, sizeBytes, owner }: Image): boolean {
  return status === 'active' && (sizeBytes ?? 0) > 0 && owner === PROJECT;
}

function isHeld({ protected: locked, properties }: Image, now: Date): boolean {
  const hold = properties.autosnap_hold ?? 'none';
  return locked || hold === 'forever' || (hold !== 'none' && now < new Date(hold));
}

function slotText({ taken }: Ours): string {
  return new Date(taken.slotMs).toISOString();
}
