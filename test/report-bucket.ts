import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished, vi } from 'vitest';

/** The stand-in for S3, as a test sees it. */
export interface ReportBucket {
  /** By bucket and key: `/state.of.reports/autosnap.html`. */
  objects: Map<string, string>;
  /** Answers nothing but 503. */
  down: boolean;
  /** Answers 503 to requests whose method and URL match. */
  refuses: RegExp;
}

/**
 * Starts the report bucket of a deployment, and tells this process where it is: an S3 that knows
 * conditional writes, keeps all objects, and lists so many objects a page.
 */
export async function reportBucket(pageSize = 1000): Promise<ReportBucket> {
  const s3: ReportBucket = { objects: new Map(), down: false, refuses: / ^/ };
  const written = new Map<string, { at: Date; etag: string }>();
  let writes = 0;
  const server = createServer(async (request, response) => {
    const { pathname, searchParams: query } = new URL(request.url!, 'http://s3');
    const key = decodeURIComponent(pathname);
    const body = await text(request);
    const answer = (status: number, code: string) =>
      response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
    const { method, headers } = request;
    if (s3.down || s3.refuses.test(`${method} ${request.url}`)) return answer(503, 'ServiceUnavailable');
    if (query.has('list-type')) {
      const bucket = key.replace(/\/?$/, '/');
      const keys = [...s3.objects.keys()].filter((one) => one.startsWith(bucket + query.get('prefix')));
      const page = Number(query.get('continuation-token') ?? 0);
      const more = page + pageSize < keys.length;
      const contents = keys.slice(page, page + pageSize).map((one) => {
        const at = written.get(one)?.at ?? new Date();
        return `<Contents><Key>${one.slice(bucket.length)}</Key><LastModified>${at.toISOString()}</LastModified></Contents>`;
      });
      const next = more ? `<NextContinuationToken>${page + pageSize}</NextContinuationToken>` : '';
      return response.end(
        `<ListBucketResult><IsTruncated>${more}</IsTruncated>${contents}${next}</ListBucketResult>`,
      );
    }
    if (method === 'GET') {
      const found = s3.objects.get(key);
      if (found === undefined) return answer(404, 'NoSuchKey');
      return response.setHeader('etag', written.get(key)?.etag ?? '"0"').end(found);
    }
    const isRefused =
      (headers['if-none-match'] === '*' && s3.objects.has(key)) ||
      (headers['if-match'] !== undefined && headers['if-match'] !== (written.get(key)?.etag ?? '"0"'));
    if (isRefused) return answer(412, 'PreconditionFailed');
    // The SDK sends chunks with checksums around the JSON.
    s3.objects.set(key, /\{.*\}/s.exec(body)?.[0] ?? body);
    const etag = `"${++writes}"`;
    written.set(key, { at: new Date(), etag });
    return response.setHeader('etag', etag).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  vi.stubEnv('AUTOSNAP_BUCKET', 'state.of.reports');
  return s3;
}
