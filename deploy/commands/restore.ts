import { createHash, randomUUID } from 'node:crypto';
import type { ReasonCode } from '../../lib/reporting/reasons.ts';
import { minuteText } from '../../lib/reporting/sentences/format.ts';
import { doneBeforeText, restorationHead } from '../../lib/reporting/sentences/restoration.ts';
import { shellWord } from '../../lib/reporting/sentences/restore-command.ts';
import type { Words } from '../../lib/reporting/sentences/words.ts';
import { sentenceIn } from '../../lib/reporting/sentences.ts';
import type { Restoration } from '../../lib/restore/restoration.ts';
import { newRecord, type RestoreRecord, withCall } from '../../lib/restore/restore-record.ts';
import {
  ACCOUNT,
  accountOf,
  type Command,
  type Context,
  EXIT,
  textOf,
  UsageError,
  type Values,
} from './command.ts';
import { findSnapshot } from './find-snapshot.ts';
import { listRestorable } from './restore-list.ts';
import { type Followed, followRestore, isSilent, readRecord } from './restore-watch.ts';

/** `npx autosnap restore`: restores a server or a volume, and watches until it is done. */
export const restore: Command = {
  summary: 'Restores a server or a volume from a snapshot: shows the plan, asks, and watches until the end.',
  example: 'npx autosnap restore --stage prod --server web-1 --at "2026-11-23 04:00"',
  options: {
    server: { type: 'string', value: '<name>', help: 'the name or the id of the server, which may be gone' },
    volume: { type: 'string', value: '<name>', help: 'instead of a server: the name or the id of a volume' },
    at: {
      type: 'string',
      value: '<time>',
      help: 'the newest good snapshot at or before this time, in UTC, or the id of one; default: the newest',
    },
    'new-name': { type: 'string', value: '<name>', help: 'the name of the new server' },
    flavor: {
      type: 'string',
      value: '<name>',
      help: 'the flavor of the new server; default: that of the original',
    },
    'in-place': { type: 'boolean', help: 'replace the disk and the volumes of the server itself' },
    list: { type: 'boolean', help: 'show from which snapshots can be restored, and do nothing' },
    request: {
      type: 'string',
      value: '<name>',
      help: 'the name of the restore: alone to see its progress, or to resume one that has failed',
    },
    yes: { type: 'boolean', short: 'y', help: 'do not ask, for scripts' },
    wait: { type: 'boolean', help: 'watch until the end, as by default; --no-wait only begins the restore' },
    account: ACCOUNT,
  },
  needs: 'functions',
  isLocalToo: true,
  async run(values, context) {
    if (values.list === true) return listRestorable(values, context);
    const request = textOf(values, 'request');
    if (textOf(values, 'server') === undefined && textOf(values, 'volume') === undefined) {
      if (request === undefined) {
        throw new UsageError(
          'Name what to restore: --server or --volume; or a restore whose progress to show: --request',
        );
      }
      return showProgress(request, values, context);
    }
    const planned = await plan(values, context);
    if (planned.plan.state !== 'planned') return resume(planned.plan, values, context);
    const found = await chooseRequest(planned, request, values, context);
    if (found === undefined) return EXIT.usage;
    if ('record' in found) return followRestore({ record: found.record, shown: found.shown }, context);
    const { event, shown } = found;
    noteProgressCommand(String(event.request), values, context);
    return begin(event, shown, values, context);
  },
};

/** The plan of a restore, as a dry run of the function shows it. */
interface Planned {
  plan: Restoration;
  isInPlace: boolean;
}

async function plan(values: Values, context: Context): Promise<Planned> {
  const { invoke, terminal, words, isJson } = context;
  const [server, volume, name, flavor, request] = ['server', 'volume', 'new-name', 'flavor', 'request'].map(
    (one) => textOf(values, one),
  );
  const isInPlace = values['in-place'] === true;
  if (server !== undefined && volume !== undefined)
    throw new UsageError('Give --server or --volume, not both');
  const isOfNewServer = name !== undefined || flavor !== undefined;
  if (volume !== undefined && (isInPlace || isOfNewServer)) {
    throw new UsageError(
      'A volume is restored as a new volume: leave out --in-place, --new-name and --flavor',
    );
  }
  if (isInPlace && isOfNewServer) {
    throw new UsageError('A restore in place keeps what the server has: leave out --new-name and --flavor');
  }
  const event = {
    ...(server === undefined ? { volume } : { server, to: isInPlace ? 'in-place' : 'new' }),
    ...(await atOf(values, context)),
    ...(name === undefined ? {} : { name }),
    ...(flavor === undefined ? {} : { flavor }),
    ...(request === undefined ? {} : { request }),
    ...accountOf(values),
    dryRun: true,
  };
  const found = await invoke<Restoration>('restore', event, `The restore of ${server ?? volume} is planned`);
  if (isJson) terminal.note(planText(found, words));
  else terminal.print(planText(found, words));
  return { plan: found, isInPlace };
}

/** The lines that concern only those who invoke the function with an event. */
const NOT_SHOWN: readonly ReasonCode[] = ['RESTORE_TO_CONFIRM'];

function planText(found: Restoration, words: Words): string {
  const shown = found.reasons.filter(({ code }) => !NOT_SHOWN.includes(code));
  const lines = shown.map((reason) => sentenceIn(words, reason));
  return `${restorationHead(found)}\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

/**
 * The field `at` of the event: a time, the whole minute included, or an id, completed if shortened.
 */
async function atOf(values: Values, context: Context): Promise<{ at?: string }> {
  const at = textOf(values, 'at');
  if (at === undefined) return {};
  const [, day, minute, second = ':59'] = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d)?Z?$/.exec(at) ?? [];
  if (day !== undefined) return { at: `${day}T${minute}${second}Z` };
  const server = textOf(values, 'server');
  if (!/^[0-9a-f]{8}[0-9a-f-]{0,27}$/i.test(at) || server === undefined) return { at };
  const { image } = await findSnapshot({ server, image: at }, context);
  return { at: image };
}

/**
 * The name of the request of a command. It is derived from the server, its snapshot and the
 * options, so that the same command never restores twice.
 */
function requestOf({ plan }: Planned, values: Values): string {
  const { account, region, server, name, image } = plan;
  const parts = [account, region, server, name, image, textOf(values, 'new-name'), values['in-place']];
  return `restore-${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)}`;
}

type Choice =
  | { event: Record<string, unknown>; shown: readonly ReasonCode[] }
  | { record: RestoreRecord; shown: readonly ReasonCode[] };

/**
 * Asks for confirmation, and decides whether to begin a restore or to watch one that has begun.
 *
 * @returns undefined if the restore is not wanted.
 */
async function chooseRequest(
  planned: Planned,
  given: string | undefined,
  values: Values,
  context: Context,
): Promise<Choice | undefined> {
  const { terminal } = context;
  const { plan, isInPlace } = planned;
  const request = given ?? requestOf(planned, values);
  const record = await readRecord({ account: plan.account, request }, context);
  const shown = plan.codes;
  if (record && record.endedAt === undefined && !isSilent(record)) {
    terminal.note(`This restore is under way, as ${request}.`);
    return { record, shown: [] };
  }
  const isTaken = given === undefined && plan.codes.includes('RESTORE_NAME_TAKEN');
  const isDone = given === undefined && record?.last?.state === 'done';
  if (isDone) terminal.note(`This was restored by ${request}, at ${minuteText(record.endedAt!)} UTC.`);
  const isRepeated = isTaken || isDone;
  if (values.yes === true && isRepeated) {
    terminal.note(
      'Nothing was changed. To restore it once more, give another --new-name, or a name for the restore with --request.',
    );
    return undefined;
  }
  if (values.yes !== true && !(await isWanted({ plan, isInPlace, isRepeated }, context))) return undefined;
  const isOver = record?.last?.state === 'failed' && Object(record.last.next).request !== request;
  const id =
    isRepeated || (given === undefined && isOver) ? `${request}-${randomUUID().slice(0, 8)}` : request;
  const event = {
    ...plan.apply,
    request: id,
    ...(isInPlace ? { confirm: plan.name } : {}),
  };
  return { event, shown };
}

/** Asks whether a plan is to be carried out. */
async function isWanted(
  { plan, isInPlace, isRepeated }: Planned & { isRepeated: boolean },
  { terminal }: Context,
): Promise<boolean> {
  const { name } = plan;
  const answer = await terminal.ask(
    isInPlace
      ? `Everything on ${name} is replaced. To go on, type its name: `
      : `Restore ${isRepeated ? 'it once more' : 'this'}? [y/N] `,
  );
  const isYes = isInPlace ? answer === name : /^y(es)?$/i.test(answer ?? '');
  if (!isYes) {
    terminal.note(
      answer === undefined
        ? 'Nothing was changed: there is no terminal to ask on. Give --yes to restore without a question.'
        : 'Nothing was changed.',
    );
  }
  return isYes;
}

/** Resumes a restore whose server exists already, according to the dry run. */
async function resume(found: Restoration, values: Values, context: Context): Promise<number> {
  if (!found.next) {
    if (found.state !== 'done') return EXIT.trouble;
    const record = await readRecord(found, context);
    context.terminal.note(doneBeforeText(record?.endedAt));
    return EXIT.good;
  }
  noteProgressCommand(found.request, values, context);
  const { dryRun: _, ...next } = found.next as Record<string, unknown>;
  return begin(next, found.codes, values, context);
}

async function begin(
  event: Record<string, unknown>,
  shown: readonly ReasonCode[],
  values: Values,
  context: Context,
): Promise<number> {
  const first = await context.invoke<Restoration>('restore', event, 'The restore is requested');
  const { account, request } = first;
  const now = new Date();
  const record = withCall(newRecord({ account, request }, event, now), first, now);
  const followed: Followed = { record, shown, hasQueue: first.resumesAt !== undefined };
  return followRestore({ ...followed, onlyOnce: values.wait === false }, context);
}

function noteProgressCommand(request: string, values: Values, context: Context): void {
  const { stage } = context.deployment;
  const { account } = accountOf(values);
  const words = ['server', 'volume', 'at', 'new-name', 'flavor'].flatMap((name) => {
    const value = textOf(values, name);
    return value === undefined ? [] : [`--${name} ${shellWord(value)}`];
  });
  // The stage "local" keeps no record of a restore.
  const local = [...words, ...(values['in-place'] === true ? ['--in-place'] : []), '--yes'];
  context.progressCommand = [
    `npx autosnap restore --stage ${stage}`,
    `--request ${request}`,
    ...(stage === 'local' ? local : []),
    ...(account === undefined ? [] : [`--account ${account}`]),
  ].join(' ');
  context.terminal.note(`To see the progress: ${context.progressCommand}`);
}

/** Watches a restore that was begun earlier, or resumes it. */
async function showProgress(request: string, values: Values, context: Context): Promise<number> {
  const { terminal } = context;
  const { account = 'rackspace' } = accountOf(values);
  const record = await readRecord({ account, request }, context);
  if (!record && context.deployment.stage === 'local') {
    throw new UsageError(
      'The stage "local" keeps no record of a restore: repeat the whole command with --request, as "To see the progress" has printed it',
    );
  }
  if (!record) {
    throw new Error(
      `There is no record of a restore ${JSON.stringify(request)}: correct --request or --account, or repeat the whole command with it`,
    );
  }
  noteProgressCommand(request, values, context);
  const isFailed = record.endedAt !== undefined && record.last?.state !== 'done';
  if (record.endedAt !== undefined && !isFailed) terminal.note(doneBeforeText(record.endedAt));
  if (!isFailed && !isSilent(record)) return followRestore({ record, shown: [], hasQueue: true }, context);
  const code = isFailed ? await followRestore({ record, shown: [], hasQueue: true }, context) : EXIT.good;
  const answer = values.yes === true ? 'y' : isFailed ? await terminal.ask('Go on with it? [y/N] ') : 'y';
  if (!/^y(es)?$/i.test(answer ?? '')) return code;
  return begin(record.event, record.last?.codes ?? [], values, context);
}
