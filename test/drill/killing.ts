import { expect } from 'vitest';
import { setTime } from '../harness.ts';
import { expectNothingLeft, originalsOf, type VolumeWorld } from './volume-world.ts';

const HOUR_MS = 3_600_000;

/** At which request a run is killed, and whether the cloud still carries that request out. */
interface Kill {
  isCarriedOut: boolean;
  /** Which requests count. */
  isCounted(method: string, path: string): boolean;
}

/**
 * Kills a run of drills at its request number `at`, and lets later runs finish. Expects that they
 * leave nothing behind, come to a verdict, change no original, and have one server at most.
 */
export async function expectCleanAfterKill(
  w: VolumeWorld,
  at: number,
  { isCarriedOut, isCounted }: Kill,
): Promise<void> {
  const before = originalsOf(w);
  let count = 0;
  let mostServers = 0;
  const never = () => new Promise<never>(() => {});
  const isKilled = ({ method, path }: { method: string; path: string }) => {
    mostServers = Math.max(mostServers, w.newServers().length);
    return count > at || (isCounted(method, path) && count++ >= at);
  };
  for (const service of ['identity', 'compute', 'image', 'volume'] as const) {
    const fault = { service, times: Number.POSITIVE_INFINITY };
    w.cloud.faults.push({
      ...fault,
      when: (c) => isKilled(c.req),
      answer: isCarriedOut ? { edit: never } : never,
    });
  }
  await w.run('drill', w.event(), { remainingMs: 5_400 }).catch(() => undefined);
  await w.cloud.idle();
  w.cloud.faults.length = 0;
  w.cold();
  setTime(new Date(Date.now() + HOUR_MS));
  await w.finish();
  // A drill that was killed before its verdict is repeated in its next slot.
  for (let days = 0; days < 3 && !isProven(w); days++) {
    setTime(new Date(Date.now() + 24 * HOUR_MS));
    await w.finish();
  }
  const which = `killed at request ${at}`;
  expect(isProven(w), which).toBe(true);
  expectNothingLeft(w);
  expect(originalsOf(w), which).toEqual(before);
  expect(mostServers, which).toBeLessThanOrEqual(1);
  await w.cloud.close();
}

function isProven({ region }: VolumeWorld): boolean {
  return [
    ...region.images.map(({ properties }) => properties),
    ...region.volumeSnapshots.map(({ metadata = {} }) => metadata),
  ].some((one) => one.autosnap_proven !== undefined);
}
