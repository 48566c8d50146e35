import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished, vi } from 'vitest';

/** A bucket for reports. */
export interface ReportBucket {
  /** All objects, by `/<bucket>/<key>`. */
  objects: Map<string, string>;
  /** Makes the bucket answer nothing but 503. */
  down: boolean;
  /** The requests that are answered with 503: `PUT /state.of.reports/…`. */
  refuses: RegExp;
  /** The requests of which one is carried out and answered with 503, likewise. */
  loses: RegExp;
  /** Is called before each request is answered. */
  before(request: string): void;
}

const NAME = 'state.of.reports';
/** The key of what audits remember. */
export const COVERAGE = `/${NAME}/coverage.json`;

/**
 * An S3 that keeps all objects, knows `If-None-Match: *` and `If-Match`, and lists one object a
 * page. Functions that are loaded from here on use it as the bucket for reports.
 */
export async function reportBucket(): Promise<ReportBucket> {
  const s3: ReportBucket = { objects: new Map(), down: false, refuses: / ^/, loses: / ^/, before: () => {} };
  const writtenAt = new Map<string, Date>();
  const etagOf = (body: string) => `"${createHash('md5').update(body).digest('hex')}"`;
  const server = createServer(async (request, response) => {
    const { pathname, searchParams: query } = new URL(request.url!, 'http://s3');
    const key = decodeURIComponent(pathname);
    const body = await text(request);
    const answer = (status: number, code: string) =>
      response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
    s3.before(`${request.method} ${key}`);
    if (s3.down || s3.refuses.test(`${request.method} ${request.url}`))
      return answer(503, 'ServiceUnavailable');
    if (query.has('list-type')) {
      const bucket = key.replace(/\/?$/, '/');
      const keys = [...s3.objects.keys()].filter((one) => one.startsWith(bucket + query.get('prefix')));
      const page = Number(query.get('continuation-token') ?? 0);
      const more = page + 1 < keys.length;
      const contents = keys
        .slice(page, page + 1)
        .map(
          (one) =>
            `<Contents><Key>${one.slice(bucket.length)}</Key><LastModified>${(writtenAt.get(one) ?? new Date()).toISOString()}</LastModified></Contents>`,
        );
      const next = more ? `<NextContinuationToken>${page + 1}</NextContinuationToken>` : '';
      return response.end(
        `<ListBucketResult><IsTruncated>${more}</IsTruncated>${contents}${next}</ListBucketResult>`,
      );
    }
    const there = s3.objects.get(key);
    if (request.method === 'GET') {
      return there === undefined
        ? answer(404, 'NoSuchKey')
        : response.setHeader('etag', etagOf(there)).end(there);
    }
    const { 'if-none-match': absent, 'if-match': version } = request.headers;
    if (absent === '*' && there !== undefined) return answer(412, 'PreconditionFailed');
    if (version !== undefined && (there === undefined || etagOf(there) !== version))
      return there === undefined ? answer(404, 'NoSuchKey') : answer(412, 'PreconditionFailed');
    const written = /\{.*\}/s.exec(body)?.[0] ?? body;
    s3.objects.set(key, written);
    writtenAt.set(key, new Date());
    if (s3.loses.test(`${request.method} ${request.url}`)) {
      s3.loses = / ^/;
      return answer(503, 'ServiceUnavailable');
    }
    return response.setHeader('etag', etagOf(written)).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  vi.stubEnv('AUTOSNAP_BUCKET', NAME);
  return s3;
}
