import type { Image } from '../openstack/images.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Reason } from '../reporting/reasons.ts';
import { answer, type Case, eventToGoOn } from './context.ts';
import type { RebuildEvent } from './event.ts';
import type { Restoration, State } from './restoration.ts';
import type { Safety } from './safety.ts';

/** An in-place restore that has not come to its rebuild yet. */
export interface InPlace extends Case<RebuildEvent> {
  /** Of this request, the newest first. */
  safeties: readonly Safety[];
  /** Those that are gone. */
  missing: readonly string[];
}

/** One server, and the image for its disk. */
export interface Work extends InPlace {
  server: ServerDetail;
  image: Image;
}

/** The ids of all safety snapshots that were taken, the newest first as far as they are there. */
export const safetiesOf = ({ safeties, missing }: InPlace): string[] => [
  ...safeties.map(({ snapshot }) => snapshot.id),
  ...missing,
];

/** An answer before the rebuild; `safety` is the one that counts. */
export function say(
  work: Work,
  state: State,
  reasons: readonly Reason[],
  safety?: string,
  next: object = eventToGoOn(work, work.image.id, {
    safeties: [...new Set([...(safety ? [safety] : []), ...safetiesOf(work)])],
  }),
): Restoration {
  return answer(work, work.image.id, { state, reasons, ...(safety ? { safety } : {}), next });
}
