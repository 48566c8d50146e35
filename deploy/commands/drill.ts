import { failureOf } from '../../lib/reporting/failure.ts';
import type { Report } from '../../lib/reporting/report.ts';
import { policiesOf } from '../policies.ts';
import {
  ACCOUNT,
  accountOf,
  type Command,
  type Context,
  EXIT,
  SERVER,
  textOf,
  UsageError,
} from './command.ts';
import { reportText } from './report-text.ts';

/** `npx autosnap drill`: boots the newest snapshot of a server now. */
export const drill: Command = {
  summary: 'Boots the newest good snapshot of a server as a throw-away server now, to prove it.',
  example: 'npx autosnap drill --stage prod --server web-1',
  options: {
    server: { ...SERVER, isRequired: true },
    policy: { type: 'string', value: '<name>', help: 'the policy; default: the only one with drill' },
    account: ACCOUNT,
  },
  needs: 'functions',
  isLocalToo: true,
  async run(values, context) {
    const { invoke, terminal, isJson } = context;
    const server = textOf(values, 'server')!;
    const policy = textOf(values, 'policy') ?? onlyPolicyWithDrill(context);
    const event = { policy, servers: { names: [server] }, ...accountOf(values) };
    const report = await invoke<Report>('drill', event, `The newest snapshot of ${server} is booted`);
    if (isJson) terminal.print(JSON.stringify(report, null, 2));
    else if (report.entries.length + report.failures.length + report.warnings.length > 0) {
      terminal.print(reportText(report, context));
    } else {
      terminal.note(
        `No drill was begun: the newest good snapshot of ${server} has passed one, another drill is running, or ${policy} has no such server.`,
      );
    }
    return failureOf(report) ? EXIT.trouble : EXIT.good;
  },
};

/** @throws {UsageError} if no policy of serverless.yml has drills, or several have. */
function onlyPolicyWithDrill({ deployment }: Pick<Context, 'deployment'>): string {
  const names = policiesOf(deployment.service).flatMap(({ policy, drill: its }) => (its ? policy : []));
  const [first, ...others] = names;
  if (first === undefined) {
    throw new UsageError(
      'No policy of serverless.yml has drill: add it to the policy of the server, and deploy',
    );
  }
  if (others.length > 0)
    throw new UsageError(`Several policies have drill: give --policy: ${names.join(', ')}`);
  return first;
}
