import { printable, printableJson } from '../../openstack/printable.ts';
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
  lines: readonly Sentence[];
  next?: object;
  apply?: object;
}

/** A restoration as text for people. */
export function restorationText({ name, region, state, lines, next, apply }: RestorationText): Sentence {
  return [
    `${printable(name)} in ${region} ${HEADS[state]}`,
    ...lines.map((line) => `  ${line}`),
    ...(next ? [`  next: invoke restore with ${printableJson(next)}`] : []),
    ...(apply ? [`  to carry this out: invoke restore with ${printableJson(apply)}`] : []),
  ].join('\n');
}

/** The error of a restore that has failed. */
export function failedRestorationText(restoration: RestorationText): Sentence {
  return `restore: ${restorationText(restoration)}`;
}
