import { createHash } from 'node:crypto';
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
  /** Carries out the first request that matches, likewise, and answers it with 503. */
  loses: RegExp;
  /** Is called before each request is answered: `PUT /state.of.reports/autosnap.html`. */
  before(request: string): void;
}

/** The object that audits record in what policies cover. */
export const COVERAGE = '/state.of.reports/coverage.json';
const NOTHING = / ^/;

/**
 * Starts the report bucket of a deployment, and tells this process where it is: an S3 that knows
 * conditional writes, keeps all objects, and lists so many objects a page.
 */
export async function reportBucket(pageSize = 1000): Promise<ReportBucket> {
  const s3: ReportBucket = {
    objects: new Map(),
    down: false,
    refuses: NOTHING,
    loses: NOTHING,
    before: () => {},
  };
  const written = new Map<string, Date>();
  const etagOf = (body: string) => `"${createHash('md5').update(body).digest('hex')}"`;
  const server = createServer(async (request, response) => {
    const { pathname, searchParams: query } = new URL(request.url!, 'http://s3');
    const key = decodeURIComponent(pathname);
    const body = await text(request);
    const answer = (status: number, code: string) =>
      response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
    const { method, headers } = request;
    s3.before(`${method} ${key}`);
    if (s3.down || s3.refuses.test(`${method} ${request.url}`)) return answer(503, 'ServiceUnavailable');
    if (query.has('list-type')) {
      const bucket = key.replace(/\/?$/, '/');
      const keys = [...s3.objects.keys()].filter((one) => one.startsWith(bucket + query.get('prefix')));
      const page = Number(query.get('continuation-token') ?? 0);
      const more = page + pageSize < keys.length;
      const contents = keys.slice(page, page + pageSize).map((one) => {
        const at = written.get(one) ?? new Date();
        return `<Contents><Key>${one.slice(bucket.length)}</Key><LastModified>${at.toISOString()}</LastModified></Contents>`;
      });
      const next = more ? `<NextContinuationToken>${page + pageSize}</NextContinuationToken>` : '';
      return response.end(
        `<ListBucketResult><IsTruncated>${more}</IsTruncated>${contents}${next}</ListBucketResult>`,
      );
    }
    if (query.has('uploads')) return response.end('<ListMultipartUploadsResult/>');
    const found = s3.objects.get(key);
    if (method === 'HEAD') return response.writeHead(found === undefined ? 404 : 200).end();
    if (method === 'GET') {
      if (found === undefined) return answer(404, 'NoSuchKey');
      return response.setHeader('etag', etagOf(found)).end(found);
    }
    if (method === 'DELETE') {
      s3.objects.delete(key);
      return response.writeHead(204).end();
    }
    const isRefused =
      (headers['if-none-match'] === '*' && found !== undefined) ||
      (headers['if-match'] !== undefined && headers['if-match'] !== etagOf(found ?? ''));
    if (isRefused) return answer(412, 'PreconditionFailed');
    // The SDK sends chunks with checksums around the JSON.
    const object = /\{.*\}/s.exec(body)?.[0] ?? body;
    s3.objects.set(key, object);
    written.set(key, new Date());
    if (s3.loses.test(`${method} ${request.url}`)) {
      s3.loses = NOTHING;
      return answer(503, 'ServiceUnavailable');
    }
    return response.setHeader('etag', etagOf(object)).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.close();
    // The tests of the next file run in this process, too.
    vi.stubEnv('AUTOSNAP_BUCKET', undefined);
  });
  vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  vi.stubEnv('AUTOSNAP_BUCKET', 'state.of.reports');
  return s3;
}
