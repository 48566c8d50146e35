import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished, vi } from 'vitest';

/**
 * The bucket for reports: an S3 that knows `If-None-Match: *`, keeps all objects and lists one a
 * page; `down` makes it answer nothing but 503.
 */
export async function reportBucket() {
  const s3 = { objects: new Map<string, string>(), down: false, refuses: / ^/ };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams: query } = new URL(request.url!, 'http://s3');
    const key = decodeURIComponent(pathname);
    const body = await text(request);
    const answer = (status: number, code: string) =>
      response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
    if (s3.down || s3.refuses.test(`${request.method} ${request.url}`))
      return answer(503, 'ServiceUnavailable');
    if (query.has('list-type')) {
      const bucket = key.replace(/\/?$/, '/');
      const keys = [...s3.objects.keys()].filter((one) => one.startsWith(bucket + query.get('prefix')));
      const page = Number(query.get('continuation-token') ?? 0);
      const more = page + 1 < keys.length;
      const contents = keys
        .slice(page, page + 1)
        .map((one) => `<Contents><Key>${one.slice(bucket.length)}</Key></Contents>`);
      const next = more ? `<NextContinuationToken>${page + 1}</NextContinuationToken>` : '';
      return response.end(
        `<ListBucketResult><IsTruncated>${more}</IsTruncated>${contents}${next}</ListBucketResult>`,
      );
    }
    if (request.method === 'GET') {
      const found = s3.objects.get(key);
      return found === undefined ? answer(404, 'NoSuchKey') : response.setHeader('etag', '"1"').end(found);
    }
    if (request.headers['if-none-match'] === '*' && s3.objects.has(key))
      return answer(412, 'PreconditionFailed');
    s3.objects.set(key, /\{.*\}/s.exec(body)?.[0] ?? body);
    return response.setHeader('etag', '"1"').end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  vi.stubEnv('AUTOSNAP_BUCKET', 'state.of.reports');
  return s3;
}
