import { CloudError } from './errors.ts';
import type { Session } from './session.ts';

/** An image's bytes from some byte on. */
export interface ImageData {
  /** What was asked for; 0 where the cloud ignores ranges and sends the whole image. */
  from: number;
  body: AsyncIterable<Buffer>;
}

/**
 * Reads an image's data from the byte `from` on, as they come.
 *
 * `GET /v2/images/{id}/file`: Glance Image API v2, "Download binary image data"; the header Range from Pike on.
 * Rackspace's Glance does not give out data: its images leave by an export task.
 *
 * @throws {CloudError} NOT_FOUND when the image is gone, BAD_ANSWER when it has no data or when another range than the
 *   one asked for is sent. Reading the body throws NO_ANSWER when the connection breaks.
 */
export async function readImageData(
  session: Session,
  region: string,
  id: string,
  from: number,
): Promise<ImageData> {
  const path = `/images/${encodeURIComponent(id)}/file`;
  const { status, headers, body } = await session.download({
    service: 'image',
    region,
    path,
    headers: from > 0 ? { range: `bytes=${from}-` } : {},
    expect: [200, 206],
  });
  if (status === 200) return { from: 0, body };
  const range = String(headers['content-range']);
  if (!range.startsWith(`bytes ${from}-`)) {
    throw new CloudError(
      'BAD_ANSWER',
      `The image answer of ${region} to ${path} from byte ${from} has another range.`,
    );
  }
  return { from, body };
}
