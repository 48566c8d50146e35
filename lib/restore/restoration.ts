import type { ReasonCode } from '../reporting/reasons.ts';

/**
 * - planned: a dry run. waiting: for the safety snapshot, or for the server to be idle. building: the cloud has taken
 *   it on. Waiting and building go on by themselves or at the next call, never by this one waiting.
 */
export type State = 'planned' | 'waiting' | 'building' | 'done' | 'failed';

/** How far a restore is, for people and for programs: returned, and logged as JSON. */
export interface Restoration {
  job: 'restore';
  owner: string;
  account: string;
  dryRun: boolean;
  /** By this a call again knows the restore. */
  request: string;
  state: State;
  /** The original. */
  server: string;
  name: string;
  region: string;
  /** The image that it is restored from. */
  image: string;
  /** The server that was made or rebuilt. */
  restored?: string;
  /** The safety snapshot. */
  safety?: string;
  /** What would be done, or was, or is to be done by a person: by code, see reasons.ts; and the same in words. */
  codes: ReasonCode[];
  lines: string[];
  /** The event to invoke with next; absent when nothing is left to do. */
  next?: object;
}

const HEADS: Record<State, string> = {
  planned: 'would be restored',
  waiting: 'is not restored yet',
  building: 'is being restored',
  done: 'is restored',
  failed: 'is NOT restored',
};

/** A restoration for people to read. */
export function restorationText({ name, region, state, lines, next }: Restoration): string {
  return [
    `${name} in ${region} ${HEADS[state]}`,
    ...lines.map((line) => `  ${line}`),
    ...(next ? [`  next: invoke restore with ${JSON.stringify(next)}`] : []),
  ].join('\n');
}

/** The error that makes the invocation fail; undefined unless the restore has. */
export function failureIn(restoration: Restoration): Error | undefined {
  if (restoration.state !== 'failed') return undefined;
  const error = new Error(`restore: ${restorationText(restoration)}`);
  error.name = 'RunFailed';
  return error;
}
