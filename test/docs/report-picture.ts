import { createHash } from 'node:crypto';
import { startCloud } from '../../local/cloud/cloud.ts';
import { addFleet } from '../../local/fleet.ts';
import { reportOf } from '../../local/report.ts';

/** A fixed moment, so that the picture changes only when the page does. */
export const NOW = '2026-11-24T09:00:00Z';
const OWNER = 'autosnap-prod';
/** Beside the pictures: of which page they are. */
export const HASH_FILE = 'docs/report.sha256';

/** The report page that the README shows: of the embedded fleet, on a certain morning. */
export async function picturedPage(): Promise<string> {
  const cloud = await startCloud();
  cloud.advance(Date.parse(NOW) - Date.now());
  addFleet(cloud, OWNER, 0);
  const html = await reportOf(cloud, OWNER, new Date(NOW));
  await cloud.close();
  return html;
}

/**
 * What stands in {@link HASH_FILE} for a page: the hash of all that is seen of it. The text of its
 * script depends on what has compiled it.
 */
export function hashOf(html: string): string {
  const seen = html.replace(/<script>[\s\S]*?<\/script>/g, '').replace(/script-src '[^']*'/, '');
  return `${createHash('sha256').update(seen).digest('hex')}\n`;
}
