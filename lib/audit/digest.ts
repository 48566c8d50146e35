import type { Report } from '../report.ts';
import type { Audit } from './audit.ts';
import { failedDrillText, hasFailedDrill, provenServers } from './proof.ts';
import type { AuditedSeries } from './protection.ts';
import { latenessMs, sentence, worstFirst } from './sentence.ts';
import { cleanText, counted, durationText, minuteText, sizeText } from './words.ts';

const MOST_LINES = 20;
const LONGEST_SUBJECT = 100;

/** A day in plain text, for an e-mail. */
export interface Digest {
  /** ASCII, as SNS wants it. */
  subject: string;
  text: string;
  /** Nothing failed, nothing is late, and all could be read. */
  good: boolean;
}

/**
 * What a person should know of the last day: how well all is protected, what was taken and deleted, what failed and
 * what to do, what is late, and how much is stored.
 *
 * @param runs what the runs of the last day have reported.
 */
export function digest(
  audit: Audit,
  runs: readonly Report[],
  links: { signed: string; console: string; hours: number } | undefined,
): Digest {
  const late = audit.series.filter(({ state }) => state === 'late' || state === 'never');
  const failedDrills = audit.series.filter(hasFailedDrill);
  const failures = [...new Set(runs.flatMap(failuresOf))];
  const problems = audit.policies.flatMap(({ policy, problems: own }) => own.map((p) => `${policy}: ${p}`));
  const headline = sentence(audit);
  const total = (outcome: 'taken' | 'deleted') =>
    runs.reduce((sum, { totals }) => sum + (totals[outcome] ?? 0), 0);
  const text = [
    `${headline}.`,
    `In the last 24 hours ${counted(total('taken'), 'snapshot')} were taken, and ${total('deleted')} deleted.`,
    section('Failed', failures),
    section('Late', late.sort(worstFirst).map(lateLine)),
    section('Drills that failed', failedDrills.map(failedDrillText)),
    section('To be looked at', [...problems, ...audit.warnings]),
    section(
      'Not covered by any policy',
      audit.uncovered.map(({ name, region }) => `${name} in ${region}`),
    ),
    section('Deleted', runs.flatMap(deletedLines)),
    drills(audit),
    storage(audit),
    links &&
      `The report page, for ${links.hours} hours at most:\n${links.signed}\nLater, signed in to AWS:\n${links.console}`,
  ];
  return {
    subject: ascii(`Autosnap ${audit.owner}: ${headline}`).slice(0, LONGEST_SUBJECT),
    text: text.filter(Boolean).join('\n\n'),
    good: failures.length + late.length + failedDrills.length + problems.length === 0,
  };
}

function section(title: string, lines: readonly string[]): string | undefined {
  if (lines.length === 0) return undefined;
  const more = lines.length > MOST_LINES ? [`- … and ${lines.length - MOST_LINES} more`] : [];
  return [title, ...lines.slice(0, MOST_LINES).map((line) => `- ${cleanText(line)}`), ...more].join('\n');
}

/** A retry fails the same way: so the lines do not say when. */
function failuresOf({ job, policy, failures, entries }: Report): string[] {
  const run = `${job} ${policy}`;
  return [
    ...failures.map((failure) => `${run}: ${failure}`),
    ...entries.flatMap(({ name, server, region, outcome, reason, snapshots = [] }) => {
      const where = `${run}: ${name || server} in ${region}`;
      if (outcome !== 'failed') return [];
      const failed = snapshots.filter((s) => s.outcome === 'failed');
      return failed.length === 0
        ? [`${where}: ${reason ?? 'failed'}`]
        : failed.map(
            ({ slot, reasons }) => `${where}: snapshot of ${minuteText(slot)}: ${reasons.join('; ')}`,
          );
    }),
  ];
}

function lateLine(series: AuditedSeries): string {
  const { name, region, policy, newestGood } = series;
  const state = newestGood
    ? `${durationText(latenessMs(series))} late; the newest good snapshot is of ${minuteText(newestGood)}`
    : 'there is no good snapshot';
  return `${name} in ${region}, ${policy}: ${state}`;
}

/** Nothing where no drills are asked for. */
function drills({ at, series }: Audit): string | undefined {
  const { count, proven } = provenServers(series);
  if (count === 0) return undefined;
  const [oldest] = proven;
  if (!oldest) return `Proven by a drill: none of ${counted(count, 'server')}.`;
  const age = durationText(Date.parse(at) - Date.parse(oldest.proof!.proven!));
  return `Proven by a drill: ${proven.length} of ${counted(count, 'server')}; the longest ago ${cleanText(oldest.name)}, ${age}.`;
}

function deletedLines({ entries }: Report): string[] {
  return entries.flatMap(({ name, server, region, policy, snapshots = [] }) => {
    const slots = snapshots
      .filter(({ outcome }) => outcome === 'deleted')
      .map(({ slot }) => minuteText(slot));
    return slots.length === 0 ? [] : [`${name || server} in ${region}, ${policy}: ${slots.join(', ')}`];
  });
}

function storage({ bytes, monthlyCost }: Audit): string {
  const cost = monthlyCost === undefined ? '' : `, ${monthlyCost.toFixed(2)} a month`;
  return `Stored: ${sizeText(bytes)}${cost}.`;
}

function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
