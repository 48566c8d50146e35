import { expect, test } from 'vitest';
import { checkExport, etagOf, FOOTER_BYTES } from '../../lib/offsite/export-integrity.ts';
import type { ReasonCode } from '../../lib/reporting/reasons.ts';
import { exportOf, segmentsOf } from '../../local/cloud/exports.ts';

const IMAGE = 'ca5e7f11-5d57-4dd7-8ace-03ab647fe6c6';
const CONTAINER = 'exports';
const AT = new Date('2014-02-26T02:16:50Z');

/** An export of that many bytes, in segments of 4,000. */
function seen(size = 10_000) {
  const whole = exportOf({ id: IMAGE, size });
  const segments = [...segmentsOf(whole, 4_000)].map(({ bytes, hash }, i) => ({
    name: `${IMAGE}.vhd-0000${i + 1}`,
    bytes,
    hash,
    at: AT,
  }));
  return {
    container: CONTAINER,
    image: IMAGE,
    object: {
      bytes: whole.bytes,
      etag: etagOf(segments),
      at: AT,
      segments: `${CONTAINER}/${IMAGE}.vhd-` as string | undefined,
    },
    segments,
    footer: whole.read(whole.bytes - FOOTER_BYTES, whole.bytes),
  };
}

type Seen = ReturnType<typeof seen>;

test('an export is complete if everything that can be checked matches', () => {
  const all = seen();
  expect(checkExport(all)).toEqual({
    bytes: all.object.bytes,
    etag: all.object.etag,
    segments: all.segments.map(({ name, bytes, hash }) => ({ name, bytes, md5: hash })),
  });
});

test.each([0, 1, 3_999, 4_000 - FOOTER_BYTES, 4_000, 8_000, 32_000])(
  'an export of an image of %d bytes is complete',
  (size) => {
    expect(checkExport(seen(size))).toBeTypeOf('object');
  },
);

test('a small export may have no segments', () => {
  const { object, ...rest } = seen();
  const plain = { ...object, segments: undefined, etag: 'its own md5' };
  expect(checkExport({ ...rest, object: plain, segments: [] })).toEqual({
    bytes: object.bytes,
    etag: 'its own md5',
    segments: [{ name: `${IMAGE}.vhd`, bytes: object.bytes, md5: 'its own md5' }],
  });
});

/** Without a segment, and with the large object as Swift would then show it. */
function without(index: number): Seen {
  const all = seen();
  const segments = all.segments.toSpliced(index, 1);
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  return { ...all, segments, object: { ...all.object, bytes, etag: etagOf(segments) } };
}

const renamed = (index: number, name: string): Seen => {
  const all = seen();
  return { ...all, segments: all.segments.with(index, { ...all.segments[index]!, name }) };
};

test.each<[string, Seen, ReasonCode]>([
  ['its first segment is missing', without(0), 'EXPORT_SEGMENTS_MISSING'],
  ['one in the middle is missing', without(1), 'EXPORT_SEGMENTS_MISSING'],
  ['there are none', { ...seen(), segments: [] }, 'EXPORT_SEGMENTS_MISSING'],
  ['one is smaller than the others', withBytes(1, 3_000), 'EXPORT_SEGMENTS_MISSING'],
  ['the last one is larger than the others', withBytes(2, 9_000), 'EXPORT_SEGMENTS_MISSING'],
  ['the last one is empty', withBytes(2, 0), 'EXPORT_SEGMENTS_MISSING'],
  ['something else is named like a segment', renamed(2, `${IMAGE}.vhd-notes`), 'EXPORT_SEGMENTS_MISSING'],
  ['a number comes twice', renamed(1, `${IMAGE}.vhd-1`), 'EXPORT_SEGMENTS_MISSING'],
  ['its segments are of another image', renamed(0, 'x.vhd-00001'), 'EXPORT_SEGMENTS_MISSING'],
  ['its size is not that of its segments', objectWith({ bytes: 10_751 }), 'EXPORT_OTHER_SIZE'],
  ['its ETag is not that of its segments', objectWith({ etag: 'x' }), 'EXPORT_OTHER_CHECKSUM'],
  ['it is made of what lies elsewhere', objectWith({ segments: `other/${IMAGE}.vhd-` }), 'EXPORT_OF_OTHERS'],
  ['its prefix is that of more', objectWith({ segments: `${CONTAINER}/${IMAGE}` }), 'EXPORT_OF_OTHERS'],
  ['it does not end as a VHD', { ...seen(), footer: Buffer.alloc(FOOTER_BYTES) }, 'EXPORT_NO_VHD'],
  ['its end is cut', { ...seen(), footer: seen().footer.subarray(1) }, 'EXPORT_NO_VHD'],
  ['a byte of its end is another', { ...seen(), footer: flipped(seen().footer) }, 'EXPORT_NO_VHD'],
])('it is incomplete if %s', (_, all, code) => {
  expect(checkExport(all)).toEqual({ code, name: `${IMAGE}.vhd` });
});

function withBytes(index: number, bytes: number): Seen {
  const all = seen();
  const segments = all.segments.with(index, { ...all.segments[index]!, bytes });
  const sum = segments.reduce((total, segment) => total + segment.bytes, 0);
  return { ...all, segments, object: { ...all.object, bytes: sum } };
}

function objectWith(changes: Partial<Seen['object']>): Seen {
  const all = seen();
  return { ...all, object: { ...all.object, ...changes } };
}

function flipped(footer: Buffer): Buffer {
  const copy = Buffer.from(footer);
  copy[100] = copy[100]! ^ 1;
  return copy;
}
