import { CloudError } from './errors.ts';
import type { Session } from './session.ts';

/** The bytes of an image from an offset on. */
export interface ImageData {
  /**
   * The offset of the first byte: the requested one, or 0 if the cloud ignores ranges and sends the
   * whole image.
   */
  from: number;
  body: AsyncIterable<Buffer>;
}

/**
 * Streams an image's data from the byte `from` on.
 *
 * `GET /v2/images/{id}/file`, with the header Range since Pike:
 * https://docs.openstack.org/api-ref/image/v2/#download-binary-image-data. Rackspace's Glance does
 * not serve image data: see the export in tasks.ts.
 *
 * @throws {CloudError} NOT_FOUND if the image does not exist, BAD_ANSWER if it has no data or the
 *   cloud sends other bytes than requested. Reading the body throws NO_ANSWER if the connection
 *   breaks.
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
      `The image answer of ${region} to ${path} from byte ${from} returned other bytes than requested.`,
    );
  }
  return { from, body };
}
