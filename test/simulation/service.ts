import type { Policy } from '../../lib/config/policy.ts';
import type { Image } from '../../lib/openstack/images.ts';
import type { planCleanup } from '../../lib/snapshots/cleanup-plan.ts';
import { readMarker } from '../../lib/snapshots/marker.ts';
import { type Reader, readerOf } from '../../lib/snapshots/ownership.ts';
import { selectServers } from '../../lib/snapshots/selector.ts';
import type { RegionPlan } from '../../lib/snapshots/series-plan.ts';
import { isSnapshot, type Snapshot } from '../../lib/snapshots/snapshot.ts';
import { planSnapshots } from '../../lib/snapshots/snapshot-plan.ts';
import { aRegion } from '../snapshots.ts';
import type { Figures } from './figures.ts';
import { Watch } from './invariants.ts';
import { OWNER, PROJECT, REGION, type World } from './world.ts';

/** Autosnap's two jobs as its handlers run them, on a {@link World} instead of a cloud. */
export class Service {
  readonly #world: World;
  readonly #figures: Figures;
  readonly #plan: typeof planCleanup;
  readonly #watch = new Watch();
  /**
   * Images are replaced, never changed, and reading them needs no servers or volumes here, so each
   * is read once.
   */
  readonly #known = new WeakMap<Image, ReturnType<Reader>>();

  constructor(world: World, figures: Figures, plan: typeof planCleanup) {
    this.#world = world;
    this.#figures = figures;
    this.#plan = plan;
  }

  /** Takes the snapshots that are due for a policy, unless an outage prevents all runs. */
  takeSnapshots({ policy, schedule, servers }: Policy): void {
    const { now, outage, images } = this.#world;
    if (outage === 'silent' || outage === 'dark') {
      this.#figures.missed(policy);
      return;
    }
    const slot = schedule.slot(now)!;
    const covers = remembering((ms: number) => schedule.covers(new Date(ms), now), new Map());
    const due = {
      policy,
      slot,
      isMet: (snapshot: Snapshot) => covers(snapshot.slot.getTime()),
      marker: ({ id }: { id: string }) => ({ owner: OWNER, policy, server: id, slot }),
    };
    const reading = {
      owner: OWNER,
      projectId: PROJECT,
      scheduleOf: (name: string) => (name === policy ? schedule : undefined),
    };
    const read = remembering((image: Image) => readMarker(image, reading), this.#known);
    const snapshots = [...images.values()].map(({ image }) => read(image)).filter(isSnapshot);
    const selected = selectServers(this.#world.servers, servers).servers;
    const steps = planSnapshots(selected, snapshots, { due, now, provider: 'rackspace' });
    this.#figures.ran('snapshot');
    for (const step of steps) {
      if (step.action === 'take') {
        const taken = this.#world.take(step.server, step.image, { policy, slotMs: slot.getTime() });
        this.#watch.checkTaken(taken, now);
        this.#figures.taken(taken);
      } else this.#figures.skipped(step.reason);
    }
  }

  /**
   * Rotates the snapshots of a policy, and checks the result.
   *
   * @throws {Violation}
   */
  cleanUp(policy: Policy): void {
    const world = this.#world;
    if (world.outage === 'dark') return;
    const before = [...world.images.values()];
    const plan = this.#planned(policy);
    const deleted = idsOf(plan, 'delete');
    for (const id of deleted) world.removeImage(id);
    // If nothing was deleted, a second plan would be the same. Of the other cleanups one in four is
    // planned twice.
    const twice = deleted.size > 0 && world.chance.number() < 0.25;
    const again = twice ? idsOf(this.#planned(policy), 'delete') : new Set<string>();
    const deferred = idsOf(plan, 'defer');
    const { now, servers } = world;
    this.#watch.check({ now, policy, servers, before, deleted, deferred, again });
    this.#figures.cleaned({ now, policy: policy.policy, servers, before, deleted });
  }

  #planned(policy: Policy): RegionPlan {
    const { servers, images, now } = this.#world;
    const listed = [...images.values()].map(({ image }) => image);
    const surveyed = aRegion({ region: REGION, servers, images: listed });
    const reader = readerOf(surveyed, policy, { owner: OWNER, projectId: PROJECT });
    const read = remembering((image: Image) => reader(image, []), this.#known);
    return this.#plan(surveyed, policy, read, { now });
  }
}

/** The cache of answers. */
interface Memory<Question, Answer> {
  has(question: Question): boolean;
  get(question: Question): Answer | undefined;
  set(question: Question, answer: Answer): unknown;
}

/**
 * Caches the answers of `ask`: an answer takes microseconds, and a decade needs a hundred million
 * of them.
 */
function remembering<Question, Answer>(
  ask: (question: Question) => Answer,
  known: Memory<Question, Answer>,
): (question: Question) => Answer {
  return (question) => {
    if (!known.has(question)) known.set(question, ask(question));
    return known.get(question)!;
  };
}

function idsOf({ series }: RegionPlan, action: 'delete' | 'defer'): Set<string> {
  const items = series.flatMap((one) => one.items.filter((item) => item.action === action));
  return new Set(items.map(({ snapshot }) => snapshot.id));
}
