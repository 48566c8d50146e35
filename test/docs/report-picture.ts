import { createHash } from 'node:crypto';
import { startCloud } from '../../local/cloud/cloud.ts';
import { addFleet } from '../../local/fleet.ts';
import { reportOf } from '../../local/report.ts';

/** A fixed time, so that the picture changes only with the page. */
export const NOW = '2026-11-24T09:00:00Z';
const OWNER = 'autosnap-prod';
/** The file with the hash of the page that the pictures show. */
export const HASH_FILE = 'docs/report.sha256';

/** The report page of the README: the embedded fleet at a fixed time. */
export async function picturedPage(): Promise<string> {
  const cloud = await startCloud();
  cloud.advance(Date.parse(NOW) - Date.now());
  addFleet(cloud, OWNER, 0);
  const html = await reportOf(cloud, OWNER, new Date(NOW), 'prod');
  await cloud.close();
  return html;
}

/**
 * The content of {@link HASH_FILE} for a page: a hash of everything visible. The text of the script
 * is left out, because it depends on the compiler.
 */
export function hashOf(html: string): string {
  const seen = html.replace(/<script>[\s\S]*?<\/script>/g, '').replace(/script-src '[^']*'/, '');
  return `${createHash('sha256').update(seen).digest('hex')}\n`;
}
