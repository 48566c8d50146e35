import { minuteText } from './format.ts';

/** A snapshot in a list: its slot, and when the cloud began to make it. ISO, in UTC. */
interface Taken {
  server: string;
  policy: string;
  volume?: { id: string };
  slot: string;
  madeAt: string;
}

/**
 * Returns the function that says when a snapshot of a list was taken: its slot, and if the list has
 * several of the same series and slot, when each was made: "2026-11-23 00:00 (made 2026-11-23
 * 06:12:40)". A run that is tried again, and one that catches up, may take a slot twice.
 */
export function takenTexts(all: readonly Taken[]): (one: Taken) => string {
  const keyOf = ({ server, policy, volume, slot }: Taken) =>
    JSON.stringify([server, policy, volume?.id, minuteText(slot)]);
  const sameSlot = Map.groupBy(all, keyOf);
  return (one) => {
    const isOnly = sameSlot.get(keyOf(one))!.length === 1;
    const made = one.madeAt.slice(0, 19).replace('T', ' ');
    return isOnly ? minuteText(one.slot) : `${minuteText(one.slot)} (made ${made})`;
  };
}
