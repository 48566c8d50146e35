import { failureOf } from '../../lib/reporting/failure.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { ACCOUNT, accountOf, type Command, type Context, EXIT, textOf, type Values } from './command.ts';
import { findSnapshot, SNAPSHOT } from './find-snapshot.ts';
import { reportText } from './report-text.ts';

/** `npx autosnap hold`: keeps a snapshot for longer than its policy would. */
export const hold: Command = {
  summary: 'Keeps a snapshot, with those of its volumes, for longer than its policy would.',
  example: 'npx autosnap hold --stage prod --server web-1 --at 2026-11-23 --until 2027-01-01',
  options: {
    ...SNAPSHOT,
    until: { type: 'string', value: '<date>', help: 'when the hold ends; default: forever' },
    account: ACCOUNT,
  },
  needs: 'functions',
  isLocalToo: true,
  run(values, context) {
    const until = textOf(values, 'until');
    return invokeHold(values, context, (image) => ({
      hold: image,
      ...(until === undefined ? {} : { until }),
    }));
  },
};

/** `npx autosnap release`: ends a hold. */
export const release: Command = {
  summary: 'Ends the hold on a snapshot: its policy decides again.',
  example: 'npx autosnap release --stage prod --server web-1 --at 2026-11-23',
  options: { ...SNAPSHOT, account: ACCOUNT },
  needs: 'functions',
  isLocalToo: true,
  run: (values, context) => invokeHold(values, context, (image) => ({ release: image })),
};

async function invokeHold(
  values: Values,
  context: Context,
  eventOf: (image: string) => object,
): Promise<number> {
  const { invoke, terminal, isJson } = context;
  const { image, account } = await findSnapshot(values, context);
  const event = { ...eventOf(image), ...(account === undefined ? {} : { account }), ...accountOf(values) };
  const report = await invoke<Report>('hold', event, `Image ${image} is marked`);
  terminal.print(isJson ? JSON.stringify(report, null, 2) : reportText(report, context));
  return failureOf(report) ? EXIT.trouble : EXIT.good;
}
