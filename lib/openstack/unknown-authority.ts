import { CloudError } from './errors.ts';
import { type RequestTarget, requestName } from './pacing.ts';

/** The codes of Node.js for a certificate of an authority that it does not know. */
const CODES = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** Whether a request was not sent because the authority of the service's certificate is unknown. */
export function isUnknownAuthority({ code }: { code: string }): boolean {
  return CODES.includes(code);
}

/** The error for such a request, with the remedy. */
export function unknownAuthority(target: RequestTarget): CloudError {
  return new CloudError(
    'NO_ANSWER',
    `${requestName(target)}: its certificate is of an authority that is not known. If the cloud has an authority of its own, put the certificate of this authority into the secret, a clouds.yaml, as cacert`,
    target,
  );
}
