const HOUR_MS = 3_600_000;

/** "2.0 GB" of 10^9 bytes */
export function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** "30d", "6h", as a policy has it */
export function policyDuration(ms: number): string {
  const hours = ms / HOUR_MS;
  return hours % 24 === 0 ? `${hours / 24}d` : `${hours}h`;
}
