import { createHash, randomUUID } from 'node:crypto';
import type { ReasonCode } from '../../lib/reporting/reasons.ts';
import { minuteText } from '../../lib/reporting/sentences/format.ts';
import type { Restoration } from '../../lib/restore/restoration.ts';
import { newRecord, type RestoreRecord, withCall } from '../../lib/restore/restore-record.ts';
import { type Context, textOf, type Values } from './command.ts';
import { isSilent, readRecord } from './restore-watch.ts';

/** The plan of a restore, as a dry run of the function shows it. */
export interface Planned {
  plan: Restoration;
  /** The event of the dry run. */
  event: Record<string, unknown>;
  isInPlace: boolean;
}

/**
 * - event: a restore to begin, or to resume; `shown` are the codes of the reasons that people have
 *   seen.
 * - record: a restore that is under way, to watch.
 * - notBegun: what there is instead, if no restore is wanted: the record of an earlier restore by
 *   the same words, or the plan.
 */
export type Choice =
  | { event: Record<string, unknown>; shown: readonly ReasonCode[] }
  | { record: RestoreRecord }
  | { notBegun: object };

/**
 * The name of the request of a command. It is derived from the words of the command, and not from
 * the snapshot that they choose: a newer one may become good while the restore is under way.
 */
function requestOf({ plan, isInPlace }: Planned, values: Values, { deployment }: Context): string {
  const options = ['at', 'volume', 'new-name', 'flavor'].map((name) => textOf(values, name) ?? null);
  const parts = [deployment.stage, plan.account, plan.region, plan.server, isInPlace, ...options];
  return `restore-${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)}`;
}

/** Whether a restore has failed, and no further call with its request can change that. */
function isLost({ last, request }: RestoreRecord): boolean {
  return last?.state === 'failed' && Object(last.next).request !== request;
}

/** The request of a command without --request, and the record of it, if it was begun before. */
async function findRequest(planned: Planned, values: Values, context: Context) {
  const { account } = planned.plan;
  const first = requestOf(planned, values, context);
  for (let count = 1; ; count += 1) {
    const request = count === 1 ? first : `${first}-${count}`;
    const record =
      context.deployment.stage === 'local'
        ? await readLocally(request, planned, context)
        : await readRecord({ account, request }, context);
    if (!record || !isLost(record)) return { request, record };
  }
}

/**
 * For the stage `local`, which keeps no records: what the cloud shows of an earlier restore in
 * place. A restore to a new server or a volume is known by its name.
 */
async function readLocally(
  request: string,
  { plan: { account }, event, isInPlace }: Planned,
  { invoke }: Context,
): Promise<RestoreRecord | undefined> {
  if (!isInPlace) return undefined;
  const again = { ...event, request };
  const found = await invoke<Restoration>('restore', again, 'An earlier restore is looked up');
  if (found.state === 'planned') return undefined;
  const source = found.reasons.find((reason) => reason.code === 'RESTORE_SOURCE');
  const at = source ? new Date(source.at) : new Date();
  const { event: next, ...record } = withCall(newRecord({ account, request }, again, at), found, at);
  const { dryRun: _, ...resumed } = next;
  return { ...record, event: { ...resumed, confirm: found.name } };
}

/** Asks for confirmation, and decides whether to begin a restore or to watch one that has begun. */
export async function chooseRequest(
  planned: Planned,
  given: string | undefined,
  values: Values,
  context: Context,
): Promise<Choice> {
  const { terminal, deployment } = context;
  const { plan, isInPlace } = planned;
  const { request, record } =
    given === undefined
      ? await findRequest(planned, values, context)
      : { request: given, record: await readRecord({ account: plan.account, request: given }, context) };
  const isOpen = record !== undefined && record.endedAt === undefined;
  if (isOpen && deployment.stage !== 'local' && !isSilent(record)) {
    terminal.note(`This restore is under way, as ${request}${sourceText(record, plan)}.`);
    return { record };
  }
  const isDone = given === undefined && record?.last?.state === 'done';
  // A restore that goes on keeps the snapshot that it began with. Without a report, none has begun.
  const resumed = given === undefined && !isDone && record?.last ? record : undefined;
  if (resumed) {
    terminal.note(
      `This restore has begun, as ${request}, and goes on${sourceText(resumed, plan)}. For another one, give another name with --request.`,
    );
  }
  const isTaken = given === undefined && !resumed && plan.codes.includes('RESTORE_NAME_TAKEN');
  if (isDone) terminal.note(`This was restored by ${request}, at ${minuteText(record.endedAt!)} UTC.`);
  const isRepeated = isTaken || isDone;
  const notBegun = (isDone ? record : undefined) ?? plan;
  if (values.yes === true && isRepeated) {
    const isNamed = !isInPlace && values.volume === undefined;
    terminal.note(
      `Nothing was changed. To restore it once more, give ${isNamed ? 'another --new-name, or ' : ''}a name for the restore with --request.`,
    );
    return { notBegun };
  }
  if (values.yes !== true && !(await isWanted({ plan, isInPlace, isRepeated }, context))) return { notBegun };
  if (resumed) return { event: { ...resumed.event, request }, shown: resumed.last?.codes ?? [] };
  const event = {
    ...plan.apply,
    request: isRepeated ? `${request}-${randomUUID().slice(0, 8)}` : request,
    ...(isInPlace ? { confirm: plan.name } : {}),
  };
  return { event, shown: plan.codes };
}

/** From which snapshot a restore that has begun restores, if that is not the one of the plan. */
function sourceText({ last }: RestoreRecord, { image }: Restoration): string {
  return !last?.image || last.image === image ? '' : `: from ${last.image}, and not from ${image}`;
}

/** Asks whether a plan is to be carried out. */
async function isWanted(
  { plan, isInPlace, isRepeated }: Omit<Planned, 'event'> & { isRepeated: boolean },
  { terminal }: Context,
): Promise<boolean> {
  const { name } = plan;
  const answer = await terminal.ask(
    isInPlace
      ? `Everything on ${name} is replaced${isRepeated ? ' once more' : ''}. To go on, type its name: `
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
