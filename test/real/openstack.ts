import { setTimeout as sleep } from 'node:timers/promises';
import { environment } from './environment.ts';

type Service = 'compute' | 'image' | 'volumev3';

/** A Glance image as the API returns it, with its properties among its fields. */
export interface GlanceImage {
  id: string;
  name: string;
  status: string;
  visibility: string;
  protected: boolean;
  [property: string]: unknown;
}

export interface NovaServer {
  id: string;
  created: string;
  name: string;
  status: string;
  flavor: { id: string };
  image: { id: string };
  metadata: Record<string, string>;
  'OS-EXT-STS:task_state': string | null;
  'os-extended-volumes:volumes_attached': { id: string }[];
}

/** A Cinder volume snapshot. */
export interface CinderSnapshot {
  id: string;
  name: string | null;
  status: string;
  volume_id: string;
  metadata: Record<string, string>;
}

export interface CinderVolume {
  id: string;
  name: string | null;
  status: string;
  snapshot_id: string | null;
  metadata: Record<string, string>;
  attachments: { server_id: string; device: string }[];
}

interface Login {
  token: string;
  projectId: string;
  catalog: { type: string; endpoints: { interface: string; region: string; url: string }[] }[];
}

interface Call {
  method?: string;
  json?: unknown;
  data?: Buffer;
  headers?: Record<string, string>;
  expect: number[];
}

const POLLS = 400;
const BETWEEN_POLLS_MS = 250;

/**
 * Polls until there is an answer. It waits for a state of the cloud, never for a length of time.
 */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (let poll = 0; poll < POLLS; poll++) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(BETWEEN_POLLS_MS);
  }
  throw new Error(`${what}: not after ${POLLS} looks`);
}

/** The volume snapshots that an image of a volume-backed server needs. */
export function volumeSnapshotIdsOf(image: GlanceImage): string[] {
  const mapping = JSON.parse(String(image.block_device_mapping ?? '[]')) as { snapshot_id: string }[];
  return mapping.map((device) => device.snapshot_id);
}

/**
 * Access to the cloud that is independent of the product, with another login and other code, to
 * check the product's reports.
 */
export class OpenStack {
  #login: Promise<Login> | undefined;

  /** The public URL of a service in a region. */
  async endpoint(type: Service, region: string): Promise<string> {
    const { catalog } = await this.#loggedIn();
    const found = catalog
      .find((service) => service.type === type)
      ?.endpoints.find((e) => e.interface === 'public' && e.region === region);
    if (!found) throw new Error(`Every image of the project that is not hidden.`);
    return found.url.replace(/\/(v2)?\/?$/, '');
  }

  /** Every image of the project that is not hidden. */
  async images(): Promise<GlanceImage[]> {
    const { projectId } = await this.#loggedIn();
    const images: GlanceImage[] = [];
    let next: string | undefined = `/v2/images?owner=${projectId}`;
    while (next) {
      const page: { images: GlanceImage[]; next?: string } = await this.#json('image', next, {
        expect: [200],
      });
      images.push(...page.images);
      next = page.next;
    }
    return images;
  }

  async image(id: string): Promise<GlanceImage | undefined> {
    const answer = await this.#call('image', `/v2/images/${id}`, { expect: [200, 404] });
    return answer.status === 404 ? undefined : ((await answer.json()) as GlanceImage);
  }

  /** Sets properties of an image; `add` replaces those that are there. */
  async patchImage(id: string, changes: Record<string, unknown>): Promise<void> {
    await this.#call('image', `/v2/images/${id}`, {
      method: 'PATCH',
      json: Object.entries(changes).map(([name, value]) => ({ op: 'add', path: `/${name}`, value })),
      headers: { 'content-type': 'application/openstack-images-v2.1-json-patch' },
      expect: [200],
    });
  }

  /** Creates an image with other data, like `openstack image create --file`. Returns its id. */
  async uploadImage(fields: Record<string, unknown>, data: Buffer): Promise<string> {
    const { id } = await this.#json<GlanceImage>('image', '/v2/images', {
      method: 'POST',
      json: fields,
      expect: [201],
    });
    await this.#call('image', `/v2/images/${id}/file`, {
      method: 'PUT',
      data,
      headers: { 'content-type': 'application/octet-stream' },
      expect: [204],
    });
    return id;
  }

  async imageData(id: string): Promise<Buffer> {
    const answer = await this.#call('image', `/v2/images/${id}/file`, { expect: [200] });
    return Buffer.from(await answer.arrayBuffer());
  }

  /** Deletes an image, whether or not it is protected or exists. */
  async deleteImage(id: string): Promise<void> {
    if ((await this.image(id))?.protected) await this.patchImage(id, { protected: false });
    await this.#call('image', `/v2/images/${id}`, { method: 'DELETE', expect: [204, 404] });
  }

  async server(id: string): Promise<NovaServer | undefined> {
    const answer = await this.#call('compute', `/servers/${id}`, { expect: [200, 404] });
    if (answer.status === 404) return undefined;
    return ((await answer.json()) as { server: NovaServer }).server;
  }

  /**
   * Every server of the project, except those that Nova shows for a moment after their deletion.
   * The tests never create more than a page of them.
   */
  async servers(): Promise<NovaServer[]> {
    const { servers } = await this.#json<{ servers: NovaServer[] }>('compute', '/servers/detail', {
      expect: [200],
    });
    return servers.filter(({ status }) => status !== 'DELETED');
  }

  /** The actions on a server, the newest first. */
  async actions(id: string): Promise<string[]> {
    const { instanceActions } = await this.#json<{ instanceActions: { action: string }[] }>(
      'compute',
      `/servers/${id}/os-instance-actions`,
      { expect: [200] },
    );
    return instanceActions.map(({ action }) => action);
  }

  /** Waits until no server has a task state. */
  async idle(serverIds: string[]): Promise<void> {
    for (const id of serverIds) {
      await eventually(`server ${id} idle`, async () => {
        const server = await this.server(id);
        return !server || server['OS-EXT-STS:task_state'] === null ? true : undefined;
      });
    }
  }

  /** Creates an image of a server as a person does. Returns its id. */
  async createImage(server: string, name: string, metadata: Record<string, string> = {}): Promise<string> {
    const { image_id } = await this.#json<{ image_id: string }>('compute', `/servers/${server}/action`, {
      method: 'POST',
      json: { createImage: { name, metadata } },
      headers: { 'openstack-api-version': 'compute 2.45' },
      expect: [202],
    });
    return image_id;
  }

  /** Requests a server from an image, with the flavor of another one. Returns its id. */
  async createServer(
    name: string,
    image: string,
    like: string,
    metadata: Record<string, string> = {},
  ): Promise<string> {
    const flavorRef = (await this.server(like))?.flavor.id;
    const { server } = await this.#json<{ server: { id: string } }>('compute', '/servers', {
      method: 'POST',
      json: { server: { name, imageRef: image, flavorRef, networks: 'none', metadata } },
      headers: { 'openstack-api-version': 'compute 2.37' },
      expect: [202],
    });
    return server.id;
  }

  /**
   * Stops, pauses or locks a server, or similar. Returns when the server has the expected status.
   */
  async act(id: string, action: string, status: string): Promise<void> {
    const json = { [action]: null };
    await this.#call('compute', `/servers/${id}/action`, { method: 'POST', json, expect: [202] });
    await eventually(`server ${id} ${status}`, async () =>
      (await this.server(id))?.status === status ? true : undefined,
    );
  }

  /** Rebuilds a server from an image, and waits until that is finished. */
  async rebuild(id: string, image: string): Promise<void> {
    const json = { rebuild: { imageRef: image } };
    await this.#call('compute', `/servers/${id}/action`, { method: 'POST', json, expect: [202] });
    await eventually(`server ${id} rebuilt`, async () => {
      const server = await this.server(id);
      return server?.status === 'ACTIVE' && server.image.id === image ? true : undefined;
    });
    await this.idle([id]);
  }

  async deleteServer(id: string): Promise<void> {
    await this.#call('compute', `/servers/${id}`, { method: 'DELETE', expect: [204, 404] });
    await eventually(`server ${id} gone`, async () => ((await this.server(id)) ? undefined : true));
  }

  /** Creates a volume of 1 GB and attaches it to a server. Returns its id once it is in use. */
  async attachNewVolume(server: string, name: string): Promise<string> {
    const { volume } = await this.#json<{ volume: { id: string } }>('volumev3', '/volumes', {
      method: 'POST',
      json: { volume: { size: 1, name } },
      expect: [202],
    });
    await this.#volumeIn(volume.id, 'available');
    await this.#call('compute', `/servers/${server}/os-volume_attachments`, {
      method: 'POST',
      json: { volumeAttachment: { volumeId: volume.id } },
      expect: [200],
    });
    await this.#volumeIn(volume.id, 'in-use');
    return volume.id;
  }

  async #volume(id: string): Promise<{ status: string } | undefined> {
    const answer = await this.#call('volumev3', `/volumes/${id}`, { expect: [200, 404] });
    return answer.status === 404
      ? undefined
      : ((await answer.json()) as { volume: { status: string } }).volume;
  }

  async #volumeIn(id: string, status: string): Promise<void> {
    await eventually(`volume ${id} ${status}`, async () =>
      (await this.#volume(id))?.status === status ? true : undefined,
    );
  }

  /**
   * Every volume snapshot of the project, if the cloud has Cinder. The tests never create more than
   * a page of them.
   */
  async volumes(): Promise<CinderVolume[]> {
    const { volumes } = await this.#json<{ volumes: CinderVolume[] }>('volumev3', '/volumes/detail', {
      expect: [200],
    });
    return volumes;
  }

  async volumeSnapshots(): Promise<CinderSnapshot[]> {
    const { snapshots } = await this.#json<{ snapshots: CinderSnapshot[] }>('volumev3', '/snapshots', {
      expect: [200],
    });
    return snapshots;
  }

  /**
   * Creates a snapshot of a server's only volume as a person does. Returns its id once it is
   * finished.
   */
  async createVolumeSnapshot(server: string, name: string): Promise<string> {
    const volume = (await this.server(server))?.['os-extended-volumes:volumes_attached'][0]?.id;
    const { snapshot } = await this.#json<{ snapshot: CinderSnapshot }>('volumev3', '/snapshots', {
      method: 'POST',
      json: { snapshot: { volume_id: volume, name, force: true } },
      expect: [202],
    });
    await eventually(`volume snapshot ${name} made`, async () =>
      (await this.volumeSnapshots()).some(({ id, status }) => id === snapshot.id && status === 'available')
        ? true
        : undefined,
    );
    return snapshot.id;
  }

  /** Deletes a volume snapshot, whether it exists, is being deleted (400) or not. */
  async deleteVolumeSnapshot(id: string): Promise<void> {
    await this.#call('volumev3', `/snapshots/${id}`, { method: 'DELETE', expect: [202, 400, 404] });
    await eventually(`volume snapshot ${id} gone`, async () =>
      (await this.volumeSnapshots()).some((snapshot) => snapshot.id === id) ? undefined : true,
    );
  }

  /** Deletes a volume, once its attachments have ended. */
  async deleteVolume(id: string): Promise<void> {
    await eventually(`volume ${id} detached`, async () =>
      ['available', 'error', undefined].includes((await this.#volume(id))?.status) ? true : undefined,
    );
    await this.#call('volumev3', `/volumes/${id}`, { method: 'DELETE', expect: [202, 404] });
    await eventually(`volume ${id} gone`, async () => ((await this.#volume(id)) ? undefined : true));
  }

  /** Revokes a token of the same user, which has the effect of its expiry. */
  async revoke(token: string): Promise<void> {
    const own = (await this.#loggedIn()).token;
    const headers = { 'x-auth-token': own, 'x-subject-token': token };
    const { status } = await fetch(`${environment.authUrl}/auth/tokens`, { method: 'DELETE', headers });
    if (status !== 204) throw new Error(`the token could not be revoked: ${status}`);
  }

  /** Whether the image service accepts a token. */
  async accepts(token: string): Promise<boolean> {
    const base = await this.endpoint('image', environment.region);
    const { status } = await fetch(`${base}/v2/images?limit=1`, { headers: { 'x-auth-token': token } });
    return status === 200;
  }

  async #json<T>(service: Service, path: string, call: Call): Promise<T> {
    return (await (await this.#call(service, path, call)).json()) as T;
  }

  async #call(service: Service, path: string, call: Call): Promise<Response> {
    const { method = 'GET', json, data, headers, expect } = call;
    const base = await this.endpoint(service, environment.region);
    const send = async () =>
      fetch(base + path, {
        method,
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(data === undefined ? {} : { body: new Uint8Array(data) }),
        headers: {
          accept: 'application/json',
          'content-type': 'application/json',
          'x-auth-token': (await this.#loggedIn()).token,
          ...headers,
        },
      });
    let answer = await send();
    if (answer.status === 401) {
      this.#login = undefined;
      answer = await send();
    }
    if (expect.includes(answer.status)) return answer;
    throw new Error(`${method} ${base}${path}: ${answer.status} ${await answer.text()}`);
  }

  #loggedIn(): Promise<Login> {
    this.#login ??= logIn();
    return this.#login;
  }
}

async function logIn(): Promise<Login> {
  const { authUrl, username, password, projectName, userDomainName, projectDomainName } = environment;
  const user = { name: username, password, domain: { name: userDomainName } };
  const project = { name: projectName, domain: { name: projectDomainName } };
  const auth = { identity: { methods: ['password'], password: { user } }, scope: { project } };
  const answer = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  if (answer.status !== 201) throw new Error(`login: ${answer.status} ${await answer.text()}`);
  const { token } = (await answer.json()) as { token: Pick<Login, 'catalog'> & { project: { id: string } } };
  const { catalog, project: its } = token;
  return { token: answer.headers.get('x-subject-token') ?? '', catalog, projectId: its.id };
}
