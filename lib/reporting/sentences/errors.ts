import type { Sentence } from './sentence.ts';

/** The texts of errors of the cloud, with what they mean for the work. */
export const ERRORS = {
  ofAccount: (account: string, message: string) => `The account ${account}: ${message}`,
  markInherited: (key: string, message: string) =>
    `its image would inherit that something else has made it, and the cloud does not let ${key} be overwritten: ${message}`,
  imageMayBeThere: (region: string, message: string) =>
    `${region} can't be read, and the image may be there: ${message}`,
};

/** The texts of the errors that keep the data of a copy in Cloud Files from being deleted. */
export const DATA_ERRORS = {
  unknown: (manifest: string) => `${manifest} does not say what its data are: they are left alone`,
  changed: (name: string, manifest: string) => `${name} is not what ${manifest} says: it is left alone`,
};

/** What the manifest of a copy says of its verification. */
export const VERIFIED = {
  byImageService: (algorithm: string): Sentence =>
    `all bytes, by the ${algorithm} that the image service has of the image`,
  byListing: () => exportText('the names, sizes and MD5s of all segments, and the end of the VHD'),
  byReading: () =>
    exportText('all bytes, by the MD5s that Cloud Files has of the segments, and the end of the VHD'),
};

function exportText(verified: string): Sentence {
  return `${verified}; not against the image, because the cloud has no checksum of what it exports`;
}
