import { devNull } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort, type Running, run, startServer, succeed } from './processes.ts';

const VENV = join(import.meta.dirname, '../../.venv');
const PACKAGES = ['moto[server]==5.2.1', 'cfn-lint==1.51.0', 'awscli==1.45.11'];

/**
 * Starts moto, an AWS emulator, on a free port of the loopback, and makes it the only AWS that this
 * process and its children can reach.
 */
export async function startEmulator(): Promise<Running> {
  await findPrograms();
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const emulator = await startServer('moto_server', ['-H', '127.0.0.1', '-p', String(port)], endpoint);
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('AWS_')) delete process.env[name];
  }
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'emulated',
    AWS_SECRET_ACCESS_KEY: 'emulated',
    AWS_EC2_METADATA_DISABLED: 'true',
    // The developer may have AWS credentials of their own.
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
  });
  return emulator;
}

/**
 * Provides `moto_server`, `cfn-lint` and `aws` on PATH: if they are missing or broken, from a
 * virtual environment of the project, which is created if necessary.
 */
async function findPrograms(): Promise<void> {
  if (await work()) return;
  process.env.PATH = join(VENV, 'bin') + delimiter + process.env.PATH;
  if (await work()) return;
  try {
    await succeed('python3', ['-m', 'venv', '--clear', VENV]);
    await succeed(join(VENV, 'bin', 'pip'), ['install', '--quiet', ...PACKAGES]);
  } catch (error) {
    throw new Error(
      `The AWS emulator is not there: install moto_server, cfn-lint and the AWS CLI (pip install ${PACKAGES.map((name) => `'${name}'`).join(' ')}), or Python 3 with venv and pip, and they are installed into .venv.\n${error}`,
    );
  }
}

async function work(): Promise<boolean> {
  const tries = await Promise.all([
    run('moto_server', ['--help']),
    run('cfn-lint', ['--version']),
    run('aws', ['--version']),
  ]);
  return tries.every(({ code }) => code === 0);
}
