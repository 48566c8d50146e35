import type { Received } from '../../local/cloud/cloud.ts';
import type { CloudService } from '../../local/cloud/faults.ts';

/** A call of a job; its path has no ids, versions or projects. */
export interface ApiCall {
  service: CloudService;
  method: string;
  /** `/images/{id}` */
  path: string;
  /** The page of a listing: the first one, or one reached by a next link. */
  page: 1 | 2 | undefined;
  /** Whether the call follows a change by the job. */
  after: boolean;
}

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** The query of a page that is not the first one. Cinder v1 has offsets. */
export const LATER_PAGE = /[?&](marker=|offset=[1-9])/;

/** A path without the parts that differ between runs and clouds. */
export function templateOf(path: string): string {
  return path
    .replace(/^\/v[\d.]+(\/123456|\/MossoCloudFS_[^/]+)?/, '')
    .replaceAll(UUID, '{id}')
    .replaceAll(/[0-9a-f]{24}/g, '{hash}')
    .replace(/account-\d+/, '{account}');
}

const isChange = ({ service, method }: Pick<Received, 'service' | 'method'>) =>
  service !== 'identity' && method !== 'GET' && method !== 'HEAD';

/** Whether the job changed something in the cloud before now, or requested a change. */
export function hasChanged(received: readonly Received[]): boolean {
  return received.slice(0, -1).some(isChange);
}

/** The distinct calls among the requests of a run, in order. */
export function callsIn(received: readonly Received[]): ApiCall[] {
  const found = new Map<string, ApiCall>();
  for (const [i, { service, method, path, query }] of received.entries()) {
    const page = LATER_PAGE.test(query) ? 2 : /[?&]limit=/.test(query) ? 1 : undefined;
    const call: ApiCall = { service, method, path: templateOf(path), page, after: false };
    const first = nameOf(call);
    if (!found.has(first)) found.set(first, call);
    else if (hasChanged(received.slice(0, i + 1)) && !isChange(call)) {
      const again = { ...call, after: true };
      if (!found.has(nameOf(again))) found.set(nameOf(again), again);
    }
  }
  return [...found.values()].sort((a, b) => Number(a.after) - Number(b.after));
}

/** `GET /images, page 2, afterwards` */
export function nameOf({ method, path, page, after }: ApiCall): string {
  return `${method} ${path}${page === 2 ? ', page 2' : ''}${after ? ', afterwards' : ''}`;
}
