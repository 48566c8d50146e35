import { spawn } from 'node:child_process';
import { openSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './openstack.ts';

/** A service of the cloud that runs on this machine, as the leader of its own process group. */
export interface Daemon {
  name: string;
  freeze(): void;
  thaw(): void;
  /** Kills the service, and waits until it has ended. */
  kill(): Promise<void>;
  /** Starts the service with its original command, unless it runs. */
  start(): void;
}

/** A service by its pid file, `<state>/run/<name>.pid`, which is kept up to date. */
export function daemonOf(state: string, name: string): Daemon {
  const pidFile = join(state, 'run', `${name}.pid`);
  let pid = Number(readFileSync(pidFile, 'utf8'));
  const origin = originOf(pid);
  const signal = (sent: NodeJS.Signals | 0): boolean => {
    try {
      return process.kill(-pid, sent);
    } catch {
      return false;
    }
  };
  return {
    name,
    freeze: () => void signal('SIGSTOP'),
    thaw: () => void signal('SIGCONT'),
    async kill() {
      signal('SIGKILL');
      await eventually(`${name} gone`, async () => (signal(0) ? undefined : true));
    },
    start() {
      if (signal(0)) return;
      const { program, args, env, cwd, output } = origin;
      const log = openSync(output, 'a');
      const child = spawn(program, args, { env, cwd, detached: true, stdio: ['ignore', log, log] });
      child.unref();
      pid = child.pid!;
      writeFileSync(pidFile, `${pid}\n`);
    },
  };
}

/** The command of a process, from Linux's /proc. */
function originOf(pid: number) {
  const folder = `/proc/${pid}`;
  const list = (file: string) => readFileSync(join(folder, file), 'utf8').split('\0').slice(0, -1);
  const [program = '', ...args] = list('cmdline');
  const env = Object.fromEntries(list('environ').map((pair) => /^(.*?)=(.*)$/s.exec(pair)?.slice(1) ?? []));
  const link = (file: string) => readlinkSync(join(folder, file));
  return { program, args, env, cwd: link('cwd'), output: link('fd/1') };
}
