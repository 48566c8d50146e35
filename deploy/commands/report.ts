import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NoSuchKey } from '@aws-sdk/client-s3';
import type { Listing } from '../../lib/audit/listing.ts';
import { fetchReport } from '../report.ts';
import { type Command, EXIT } from './command.ts';

/** `npx autosnap report`: the report page as a file, and in a browser. */
export const report: Command = {
  summary: 'Fetches the report page of the last audit into reports/. Without any audit it makes one.',
  example: 'npx autosnap report --stage prod --open',
  options: { open: { type: 'boolean', help: 'show the page in the browser' } },
  needs: 'functions',
  isLocalToo: true,
  async run(values, { deployment, client, invoke, terminal, isJson }) {
    const { service, stage } = deployment;
    const name = `${service.service}-${stage}`;
    const stack = typeof service.provider?.stackName === 'string' ? service.provider.stackName : name;
    const file = join('reports', `${name}.html`);
    const fetch = () => fetchReport(client, stack, file);
    if (stage === 'local') {
      // There is no bucket, and nothing else makes audits there.
      const { page = '' } = await invoke<Listing>('audit', { list: 'page' }, 'An audit is made');
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, page);
    } else {
      await fetch().catch(async (error: unknown) => {
        if (!(error instanceof NoSuchKey)) throw error;
        await invoke('audit', {}, 'No audit has run yet: one is made');
        await fetch();
      });
    }
    terminal.print(isJson ? JSON.stringify({ file }) : file);
    if (values.open !== true || (await openFile(file))) return EXIT.good;
    terminal.note(`The browser could not be started: open ${file}`);
    return EXIT.trouble;
  },
};

/** Shows a file in the program that the desktop has for it. @returns whether that was started. */
async function openFile(file: string): Promise<boolean> {
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', file]
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '', file]
        : ['xdg-open', file];
  const opened = spawn(command!, args, { stdio: 'ignore' });
  // `once` rejects if the program does not exist.
  const [code] = await once(opened, 'close').catch(() => [1]);
  return code === 0;
}
