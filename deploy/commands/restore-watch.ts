import type { ReasonCode } from '../../lib/reporting/reasons.ts';
import { restorationHead, restorationProgress } from '../../lib/reporting/sentences/restoration.ts';
import { sentenceIn } from '../../lib/reporting/sentences.ts';
import type { Restoration } from '../../lib/restore/restoration.ts';
import { type RestoreKey, type RestoreRecord, withCall } from '../../lib/restore/restore-record.ts';
import { type Context, EXIT } from './command.ts';

/** The time between two reads of the record of a restore, in milliseconds. */
const POLL_EVERY_MS = 10_000;
const POLL_EVERY_LOCALLY_MS = 300;
/** The queue calls each restore at least this often, unless the restore's message is lost. */
const SILENT_MS = 40 * 60_000;

/** A restore to watch. */
export interface Followed {
  record: RestoreRecord;
  /** The codes of the reasons that people have seen. */
  shown: readonly ReasonCode[];
  /**
   * Whether the queue takes the steps. Otherwise this command takes them, as for `--stage local`.
   */
  hasQueue?: boolean;
  /** Whether to show the current steps only, without waiting for the end. */
  onlyOnce?: boolean;
}

/** Whether a restore was not called for so long that its message may be lost. */
export function isSilent({ at, endedAt }: Pick<RestoreRecord, 'at' | 'endedAt'>): boolean {
  return endedAt === undefined && Date.now() - Date.parse(at) >= SILENT_MS;
}

/** The record of a restore; undefined if there is none, as for the stage `local`. */
export async function readRecord(
  { account, request }: RestoreKey,
  { invoke, deployment }: Pick<Context, 'invoke' | 'deployment'>,
): Promise<RestoreRecord | undefined> {
  if (deployment.stage === 'local') return undefined;
  const found = await invoke<RestoreRecord | null>(
    'restore',
    { watch: request, account },
    'An earlier restore is looked up',
  );
  return found ?? undefined;
}

/**
 * Shows each step of a restore with its time, until its end.
 *
 * @returns the exit code of the command.
 */
export async function followRestore(
  { record: first, shown, hasQueue = true, onlyOnce = false }: Followed,
  context: Context,
): Promise<number> {
  const { deployment, terminal, words, isJson, progressCommand } = context;
  const everyMs = deployment.stage === 'local' ? POLL_EVERY_LOCALLY_MS : POLL_EVERY_MS;
  const seen = new Set<string>();
  let record = first;
  const showSteps = () => {
    for (const { at, state, reasons } of record.steps) {
      const key = `${at} ${state}`;
      if (seen.has(key)) continue;
      seen.add(key);
      for (const reason of isJson ? [] : reasons)
        if (!shown.includes(reason.code)) terminal.print(`${at.slice(11, 19)}  ${sentenceIn(words, reason)}`);
    }
  };
  const follow = async () => {
    for (;;) {
      showSteps();
      if (record.endedAt !== undefined || onlyOnce) return;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      record = hasQueue ? ((await readAgain(record, context)) ?? record) : await takeStep(record, context);
    }
  };
  const what = () => (record.last ? restorationProgress(record.last) : 'The restore begins');
  await terminal.during(what, follow());
  const { last, endedAt } = record;
  if (isJson) terminal.print(JSON.stringify(record, null, 2));
  else if (last && endedAt !== undefined) terminal.print(`${restorationHead(last)}.`);
  if (endedAt === undefined || last?.state === 'done') return EXIT.good;
  terminal.note(
    `Nothing that the restore has made is deleted. Once the cause is gone, resume with: ${progressCommand}`,
  );
  return EXIT.trouble;
}

/** The record now; undefined if it can't be read at the moment. */
async function readAgain(
  { account, request }: RestoreRecord,
  { functions }: Pick<Context, 'functions'>,
): Promise<RestoreRecord | undefined> {
  const found = await functions.invoke('restore', { watch: request, account }).catch(() => undefined);
  return (found as RestoreRecord | null | undefined) ?? undefined;
}

/** Takes the next step of a restore that no queue calls. */
async function takeStep(record: RestoreRecord, { functions }: Context): Promise<RestoreRecord> {
  const restoration = (await functions.invoke('restore', record.event)) as Restoration;
  return withCall(record, restoration, new Date());
}
