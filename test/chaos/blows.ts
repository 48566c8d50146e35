import { type Daemon, daemonOf } from '../real/daemons.ts';
import { environment } from '../real/environment.ts';
import type { Chance } from '../simulation/chance.ts';

const STOPPABLE = ['keystone', 'glance-api', 'nova-api', 'nova-conductor', 'nova-compute', 'cinder-api'];
// If `cinder-volume` were killed, a volume snapshot would stay in creation until an administrator
// resets its state.
const daemons = [...STOPPABLE, 'cinder-volume', 'rabbit', 'db'].map((name) =>
  daemonOf(environment.stateDir, name),
);

/** A fault that is applied to the cloud. */
export interface Blow {
  text: string;
  /**
   * The number of the product's request in this minute at which the fault begins; after the last
   * request if there are fewer.
   */
  atRequest: number;
  /** The number of further minutes, unless something ends the fault before. */
  minutes: number;
  strike(): Promise<void>;
}

/** Freezes or kills one of the cloud's services; in one of four minutes nothing happens. */
export function blowBy(chance: Chance): Blow | undefined {
  if (chance.number() < 0.25) return undefined;
  const daemon = chance.pick(daemons);
  const isKilled = STOPPABLE.includes(daemon.name) && chance.number() < 0.5;
  const atRequest = Math.ceil(chance.between(0, 16));
  const endsAfterMs = chance.number() < 0.3 ? chance.between(200, 3_000) : undefined;
  const minutes = endsAfterMs === undefined && chance.number() < 0.25 ? 1 : 0;
  const lasts = endsAfterMs ? `for ${(endsAfterMs / 1_000).toFixed(1)} s` : `for ${minutes + 1} min`;
  return {
    text: `${daemon.name} ${isKilled ? 'killed' : 'frozen'} at request ${atRequest}, ${lasts}`,
    atRequest,
    minutes,
    async strike() {
      await (isKilled ? daemon.kill() : daemon.freeze());
      if (endsAfterMs) setTimeout(() => mend(daemon), endsAfterMs);
    },
  };
}

/** Restores everything that is frozen or killed. */
export function mendAll(): void {
  for (const daemon of daemons) mend(daemon);
}

function mend(daemon: Daemon): void {
  daemon.thaw();
  daemon.start();
}
