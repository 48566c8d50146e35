import type { CloudService } from '../../local/cloud/faults.ts';
import type { ApiCall } from './calls.ts';
import type { Trouble } from './cell.ts';

const HOUR_MS = 3_600_000;

/** An address where nothing listens. */
const REFUSING = 'http://127.0.0.1:1';

const URLS = {
  compute: 'computeUrl',
  image: 'imageUrl',
  volume: 'volumeUrl',
  'object-store': 'filesUrl',
} as const;

/**
 * The faults of whole services and of the cloud's clock; `expired` is a URL with an expired
 * certificate.
 */
export function outagesOf(calls: readonly ApiCall[], expired: string): Trouble[] {
  const services = [...new Set(calls.map(({ service }) => service))];
  return [
    ...services.map((service) => elsewhere(service, REFUSING, `${service} refuses connections`)),
    ...services.map((service) => elsewhere(service, expired, `the certificate of ${service} has expired`)),
    { name: "the cloud's clock is an hour ahead", aheadMs: HOUR_MS },
    { name: "the cloud's clock is an hour behind", aheadMs: -HOUR_MS },
  ];
}

/** A service with another address in the catalogue during the first try. */
function elsewhere(service: CloudService, url: string, name: string): Trouble {
  if (service === 'identity') {
    return {
      name,
      forEver: true,
      // The functions keep a secret in memory for minutes.
      heals: false,
      begin({ home, account }) {
        const secret = `autosnap/test/${account}`;
        home.secrets.set(secret, home.secrets.get(secret)!.replace(/http:\/\/[^/]+/, url));
        return { end: () => {} };
      },
    };
  }
  const key = URLS[service as keyof typeof URLS];
  return {
    name,
    begin({ cloud: { catalogue } }) {
      const region = catalogue[0]!;
      const usual = region[key]!;
      region[key] = url;
      return {
        end: () => {
          region[key] = usual;
        },
      };
    },
  };
}
