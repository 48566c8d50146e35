export const REQUIRED = [
  'OS_AUTH_URL',
  'OS_USERNAME',
  'OS_PASSWORD',
  'OS_PROJECT_NAME',
  'OS_REGION_NAME',
  'SERVER_IDS',
] as const;

const volumeServerId = setting('VOLUME_SERVER_ID');

/** The OpenStack that the suite runs on, as configured by environment variables. */
export const environment = {
  authUrl: setting('OS_AUTH_URL'),
  username: setting('OS_USERNAME'),
  password: setting('OS_PASSWORD'),
  projectName: setting('OS_PROJECT_NAME'),
  userDomainName: process.env.OS_USER_DOMAIN_NAME ?? 'Default',
  projectDomainName: process.env.OS_PROJECT_DOMAIN_NAME ?? 'Default',
  region: setting('OS_REGION_NAME'),
  /** Servers that may be snapshotted freely; one may be copied. None is volume-backed. */
  serverIds: setting('SERVER_IDS')
    .split(',')
    .filter((id) => id !== volumeServerId),

  /** Tests that need these are skipped without them; their titles say so. */
  /** A volume-backed server; its images and volume snapshots may be created and deleted. */
  volumeServerId,
  regionTwo: setting('REGION_TWO'),
  taggedServerIds: setting('TAGGED_SERVER_IDS').split(',').filter(Boolean),
  applicationCredentialId: setting('OS_APPLICATION_CREDENTIAL_ID'),
  applicationCredentialSecret: setting('OS_APPLICATION_CREDENTIAL_SECRET'),
  /** A user of the same project and password with only the role reader. */
  readerUsername: setting('READER_USERNAME'),
  /** A directory with files that make the cloud's snapshots slow or failing. */
  controlDir: setting('CONTROL_DIR'),
  /**
   * A directory with run/<service>.pid of each of the cloud's services, which run on this machine.
   */
  stateDir: setting('STATE'),
  /** The lifetime of a token in seconds. */
  tokenTtl: Number(process.env.TOKEN_TTL ?? 3600),
};

/**
 * Vitest's global setup: without a cloud the run fails, instead of skipping all tests and passing.
 */
export default function requireCloud(): void {
  requireSettings(REQUIRED);
}

export function requireSettings(names: readonly string[]): void {
  const missing = names.filter((name) => !process.env[name]);
  if (missing.length === 0) return;
  // An error would be shown with a stack trace and "no test files found".
  console.error(`There is no OpenStack to test on: set ${missing.join(', ')} in this command's environment.`);
  process.exit(1);
}

function setting(name: string): string {
  return process.env[name] ?? '';
}
