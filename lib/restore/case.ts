import type { Run } from '../run.ts';
import type { RestoreEvent } from './event.ts';
import type { Restoration } from './restoration.ts';
import type { Origin, Stock } from './source.ts';

/** One restore, as far as it is known when something is to be done. */
export interface Case<E extends RestoreEvent = RestoreEvent> {
  event: E;
  origin: Origin;
  request: string;
  stock: Stock;
  run: Run;
}

/** What to call with after a dry run, to do just what it has shown; `image` is "" when it is not known any more. */
export function eventToDo({ event, origin }: Case, image: string): Record<string, unknown> {
  const { dryRun: _, account, ...rest } = event;
  return {
    ...rest,
    server: origin.id,
    region: origin.region,
    ...(image ? { at: image } : {}),
    ...(account === 'rackspace' ? {} : { account }),
  };
}

/** What to call with to go on: every choice stays as it was made. */
export function eventToGoOn(its: Case, image: string): Record<string, unknown> {
  return { ...eventToDo(its, image), request: its.request };
}

type Outcome = Pick<Restoration, 'state' | 'lines' | 'restored' | 'safety' | 'next'>;

/** What a call has come to, as its report. */
export function answer({ event, origin, request, run }: Case, image: string, outcome: Outcome): Restoration {
  const others = origin.namesakes.map(
    (id) =>
      `there are snapshots of another "${origin.name}" as well, which is gone: name it by its id, ${id}`,
  );
  return {
    job: 'restore',
    owner: run.owner,
    account: event.account,
    dryRun: event.dryRun,
    request,
    server: origin.id,
    name: origin.name || origin.id,
    region: origin.region,
    image,
    ...outcome,
    lines: [...others, ...outcome.lines],
  };
}
