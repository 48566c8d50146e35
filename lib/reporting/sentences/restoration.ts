import { printable, printableJson } from '../../openstack/printable.ts';
import { minuteText, subjectText, timeText } from './format.ts';
import type { Sentence } from './sentence.ts';

const HEADS = {
  planned: 'would be restored',
  waiting: 'is not restored yet',
  building: 'is being restored',
  done: 'is restored',
  failed: 'is NOT restored',
};

/** The parts of a restoration that its text needs; see lib/restore/restoration.ts. */
interface RestorationText {
  name: string;
  region: string;
  state: keyof typeof HEADS;
  restored?: string;
  restoredName?: string;
  doneAt?: string;
  lines: readonly Sentence[];
  next?: object;
  apply?: object;
  resumesAt?: string;
}

/** A restoration as text for people. */
export function restorationText(restoration: RestorationText): Sentence {
  const { doneAt, lines, next, apply, resumesAt } = restoration;
  return [
    restorationHead(restoration),
    ...(doneAt ? [`  ${doneBeforeText(doneAt)}`] : []),
    ...lines.map((line) => `  ${line}`),
    ...(resumesAt ? [`  the restore goes on by itself, at ${minuteText(resumesAt)} UTC`] : []),
    ...(next && !resumesAt ? [`  next: invoke restore with ${printableJson(next)}`] : []),
    ...(apply ? [`  to carry this out: invoke restore with ${printableJson(apply)}`] : []),
  ].join('\n');
}

/** The error of a restore that has failed. */
export function failedRestorationText(restoration: RestorationText): Sentence {
  return `restore: ${restorationText(restoration)}`;
}

/** The message of an error of a restore, with the id of the restore. */
export function ofRequestText(message: Sentence, request: string): Sentence {
  return `${message} (restore ${request})`;
}

/** How far a restoration is, in one line: "web-1 in DFW is restored as web-1b (<id>)". */
export function restorationHead({
  name,
  region,
  state,
  restored,
  restoredName,
}: Pick<RestorationText, 'name' | 'region' | 'state' | 'restored' | 'restoredName'>): Sentence {
  const result =
    state === 'done' && restored && restoredName !== undefined
      ? ` as ${printable(restoredName) || 'a volume without a name'} (${restored})`
      : '';
  return `${printable(name)}${region ? ` in ${printable(region)}` : ''} ${HEADS[state]}${result}`;
}

/** {@link restorationHead} of a restore that is watched, and how long its last drill took. */
export function restorationProgress(
  restoration: Pick<RestorationText, 'name' | 'region' | 'state'> & { estimateSeconds?: number },
): Sentence {
  const { estimateSeconds } = restoration;
  const last = estimateSeconds === undefined ? '' : ` (its last drill took ${timeText(estimateSeconds)})`;
  return `${restorationHead(restoration)}${last}`;
}

/** That a restore was done before it was asked for again. */
export function doneBeforeText(doneAt: string | undefined): Sentence {
  return `This restore was done before${doneAt === undefined ? '' : `, at ${minuteText(doneAt)} UTC`}: nothing was changed now.`;
}

/**
 * The e-mail about the end of a restore: what there is now and, unless the restore is done, how to
 * go on.
 *
 * @param request the id of the restore.
 */
export function restoreMail(
  restoration: RestorationText & { owner: string; account: string },
  { request, stage }: { request: string; stage: string },
): Record<'subject' | 'text', Sentence> {
  const { owner, account, name, region, state, lines } = restoration;
  const head = restorationHead(restoration);
  const ofAccount = account === 'rackspace' ? '' : ` --account ${account}`;
  const resuming = [
    'Nothing that the restore has made is deleted.',
    `Once the cause is gone, resume it with: npx autosnap restore --stage ${stage} --request ${request}${ofAccount}`,
  ];
  return {
    subject: subjectText(`Autosnap ${owner}: ${restorationHead({ name, region, state })}`),
    text: [
      `${head}.`,
      lines.map((line) => `- ${printable(line)}`).join('\n'),
      ...(state === 'failed' ? [resuming.join('\n')] : []),
      `The restore is called ${request}.`,
    ].join('\n\n'),
  };
}
