import { randomUUID } from 'node:crypto';
import type { ListedSnapshot, Listing } from '../../lib/audit/listing.ts';
import { failureOf } from '../../lib/reporting/failure.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { shellWord } from '../../lib/reporting/sentences/restore-command.ts';
import { ACCOUNT, accountOf, type Command, type Context, EXIT, SERVER, textOf, textsOf } from './command.ts';
import { reportText } from './report-text.ts';
import { type Progress, progressOf, progressText } from './take-progress.ts';

/** The time between two reads of the snapshots, in milliseconds. */
const POLL_EVERY_MS = 30_000;
const POLL_EVERY_LOCALLY_MS = 300;

/** `npx autosnap take`: an ad-hoc snapshot now. */
export const take: Command = {
  summary: 'Takes a snapshot of a server now. The same --request never takes a second one.',
  example: 'npx autosnap take --stage prod --server web-1 --expires 14d --wait',
  options: {
    server: { ...SERVER, multiple: true, isRequired: true },
    expires: {
      type: 'string',
      value: '<duration>',
      help: 'when cleanup deletes it, such as 14d; default: never',
    },
    request: {
      type: 'string',
      value: '<name>',
      help: 'the name of the request: give it to repeat a command, or to see its progress; default: a new one',
    },
    wait: { type: 'boolean', help: 'wait until each snapshot is good, which can take hours' },
    account: ACCOUNT,
  },
  needs: 'functions',
  isLocalToo: true,
  async run(values, context) {
    const { terminal, isJson, invoke } = context;
    const names = textsOf(values, 'server');
    const expires = textOf(values, 'expires');
    const request = textOf(values, 'request') ?? `take-${randomUUID().slice(0, 8)}`;
    const event = {
      adhoc: true,
      servers: { names },
      request,
      ...(expires === undefined ? {} : { expires }),
      ...accountOf(values),
    };
    context.progressCommand = [
      `npx autosnap take --stage ${context.deployment.stage}`,
      ...names.map((name) => `--server ${shellWord(name)}`),
      ...(expires === undefined ? [] : [`--expires ${expires}`]),
      ...(event.account === undefined ? [] : [`--account ${event.account}`]),
      `--request ${request} --wait`,
    ].join(' ');
    terminal.note(`To repeat this safely, or to see the progress: ${context.progressCommand}`);
    const report = await invoke<Report>('snapshot', event, `Snapshots of ${names.join(', ')} are requested`);
    if (!isJson) terminal.print(reportText(report, context));
    const failed = failureOf(report) !== undefined;
    const progress = values.wait && !failed ? await waitUntilGood(report, event, context) : undefined;
    if (isJson) terminal.print(JSON.stringify({ ...report, ...(progress ? { progress } : {}) }, null, 2));
    else if (progress) terminal.print(progressText(progress));
    return failed || (progress && progress.state !== 'good') ? EXIT.trouble : EXIT.good;
  },
};

/** The event of a request, as far as its progress is read. */
interface Asked {
  servers: { names: readonly string[] };
}

/** Looks at the snapshots of a request until all are good, or one can't become good any more. */
async function waitUntilGood(first: Report, event: Asked, context: Context): Promise<Progress> {
  const { deployment, functions, terminal } = context;
  const everyMs = deployment.stage === 'local' ? POLL_EVERY_LOCALLY_MS : POLL_EVERY_MS;
  let progress = progressOf(first, []);
  const follow = async () => {
    for (let report = first; ; ) {
      const listed: ListedSnapshot[] = [];
      for (const of of event.servers.names) {
        const found = (await functions.invoke('audit', { list: 'snapshots', of })) as Listing;
        listed.push(...(found.snapshots ?? []));
      }
      progress = progressOf(report, listed);
      if (progress.state !== 'pending') return progress;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
      // A dry run takes nothing, and names the snapshots that a later run has taken.
      if (progress.notRequested > 0) {
        report = (await functions.invoke('snapshot', { ...event, dryRun: true })) as Report;
      }
    }
  };
  return terminal.during(() => progressText(progress), follow());
}
