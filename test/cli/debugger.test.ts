import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { documentedCommands } from '../docs/commands.ts';
import { ROOT } from '../docs/page.ts';

const [COMMAND = ''] = documentedCommands(/^npx vitest run --project unit --inspect-brk /);

test('a debugger can connect to the process that waits to run the tests of a handler', async ({
  onTestFinished,
}) => {
  const [program = '', ...args] = COMMAND.split(' ');
  // The options of this process are those of its own tests.
  const { VITEST: _, NODE_OPTIONS: __, ...env } = process.env;
  const running = spawn(program, args, { cwd: ROOT, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(async () => {
    const closed = once(running, 'close');
    process.kill(-running.pid!, 'SIGKILL');
    await closed;
  });
  let output = '';
  const address = await new Promise<string>((resolve, reject) => {
    const listen = (chunk: Buffer) => {
      output += chunk;
      const [, found] = /Debugger listening on ws:\/\/(127\.0\.0\.1:\d+)\//.exec(output) ?? [];
      if (found) resolve(found);
    };
    running.stdout.on('data', listen);
    running.stderr.on('data', listen);
    running.once('exit', () => reject(new Error(`${COMMAND} has ended:\n${output}`)));
  });
  const answer = await fetch(`http://${address}/json/list`);
  expect(await answer.json()).toMatchObject([
    { type: 'node', url: expect.stringContaining('/vitest/'), webSocketDebuggerUrl: expect.any(String) },
  ]);
});
