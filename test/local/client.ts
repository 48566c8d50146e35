import { expect } from 'vitest';

/**
 * What the tests need to log in to a Keystone, and the image and flavor for servers in the cloud
 * behind it.
 */
export interface Site {
  authUrl: string;
  username: string;
  password: string;
  projectName: string;
  userDomainName: string;
  projectDomainName: string;
  region: string;
  /** Lets the cloud proceed: waits a moment, or advances its clock. */
  pass(): Promise<void>;
  /** The cloud's current time. */
  now(): Date;
}

type Service = 'compute' | 'image' | 'volumev3';

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many forms, each compared as a whole
  body: any;
  location: string | null;
  headers: Headers;
}

/** A request to a cloud, with the answer that every real one gives. */
export type Exchange = [title: string, run: (cloud: CloudClient) => Promise<void>];

const POLLS = 200;
const PATCH_TYPE = 'application/openstack-images-v2.1-json-patch';
/** A server without networks, which is possible in every cloud. */
const NO_NETWORKS = { 'openstack-api-version': 'compute 2.37' };

/** A user of a cloud, embedded or real, who records what is created and deletes it afterwards. */
export class CloudClient {
  readonly #site: Site;
  readonly #made: { service: Service; path: string }[] = [];
  #token = '';
  #project = '';
  #user = '';
  #domain = '';
  #urls = new Map<string, string>();
  /** The ids of an image and a flavor for servers. */
  imageRef = '';
  flavorRef = '';

  constructor(site: Site) {
    this.#site = site;
  }

  now(): Date {
    return this.#site.now();
  }

  get token(): string {
    return this.#token;
  }

  get project(): string {
    return this.#project;
  }

  /** The body `auth` of a login for the same user and project, by ids. */
  get authById() {
    const user = { id: this.#user, password: this.#site.password };
    const project = { id: this.#project };
    return { identity: { methods: ['password'], password: { user } }, scope: { project } };
  }

  /** The body `auth` of a login by names, with the id of the domain. */
  get authByName() {
    const domain = { id: this.#domain };
    const user = { name: this.#site.username, password: this.#site.password, domain };
    const project = { name: this.#site.projectName, domain };
    return { identity: { methods: ['password'], password: { user } }, scope: { project } };
  }

  /** Requests a token, or something else, from Keystone. */
  identity(method: string, path: string, json?: unknown): Promise<Answer> {
    const url = path === '/' ? `${new URL(this.#site.authUrl).origin}/` : this.#site.authUrl + path;
    return ask(url, method, json, { 'x-auth-token': this.#token });
  }

  async logIn(): Promise<void> {
    const { authUrl, username, password, projectName, userDomainName, projectDomainName, region } =
      this.#site;
    const user = { name: username, password, domain: { name: userDomainName } };
    const project = { name: projectName, domain: { name: projectDomainName } };
    const auth = { identity: { methods: ['password'], password: { user } }, scope: { project } };
    const answer = await fetch(`${authUrl}/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth }),
    });
    const { token } = (await answer.json()) as {
      token: {
        project: { id: string; domain: { id: string } };
        user: { id: string };
        catalog: { type: string; endpoints: { interface: string; region: string; url: string }[] }[];
      };
    };
    this.#token = answer.headers.get('x-subject-token') ?? '';
    this.#project = token.project.id;
    this.#user = token.user.id;
    this.#domain = token.project.domain.id;
    for (const { type, endpoints } of token.catalog) {
      const url = endpoints.find((one) => one.interface === 'public' && one.region === region)?.url;
      if (url) this.#urls.set(type, type === 'image' ? `${url.replace(/\/(v2)?\/?$/, '')}/v2` : url);
    }
    const { images } = (await this.send('image', 'GET', '/images?visibility=public')).body;
    const { flavors } = (await this.send('compute', 'GET', '/flavors/detail')).body;
    this.imageRef = images.at(-1).id;
    this.flavorRef = flavors[0].id;
  }

  async send(
    service: Service,
    method: string,
    path: string,
    json?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const base = this.#urls.get(service);
    // The path of another project replaces that of the own one.
    const url = path.startsWith('/../') ? base?.replace(/[^/]+$/, path.slice('/../'.length)) : base + path;
    return ask(url!, method, json, { 'x-auth-token': this.#token, ...headers });
  }

  /** Requests a document above a service's endpoint, such as its versions, without a token. */
  version(service: Service, path = '/'): Promise<Answer> {
    return ask(new URL(path, this.#urls.get(service)).href, 'GET');
  }

  patch(image: string, ...operations: object[]): Promise<Answer> {
    return this.send('image', 'PATCH', `/images/${image}`, operations, { 'content-type': PATCH_TYPE });
  }

  action(server: string, json: object): Promise<Answer> {
    return this.send('compute', 'POST', `/servers/${server}/action`, json);
  }

  async server(id: string) {
    return (await this.send('compute', 'GET', `/servers/${id}`)).body.server;
  }

  async image(id: string) {
    return (await this.send('image', 'GET', `/images/${id}`)).body;
  }

  async volume(id: string) {
    return (await this.send('volumev3', 'GET', `/volumes/${id}`)).body.volume;
  }

  /** Polls until there is an answer, and lets the cloud proceed between the polls. */
  async until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
    for (let poll = 0; poll < POLLS; poll++) {
      const answer = await ask();
      if (answer) return answer;
      await this.#site.pass();
    }
    throw new Error(`not after ${POLLS} looks: ${ask}`);
  }

  /** Waits until a server has a status and no task state. */
  reach(id: string, status: string) {
    return this.until(async () => {
      const server = await this.server(id);
      return server?.status === status && server['OS-EXT-STS:task_state'] === null && server;
    });
  }

  /** Creates a server, by default from the client's image. Returns its id once it is active. */
  async makeServer(name: string, more: object = {}): Promise<string> {
    const isFromVolume = 'block_device_mapping_v2' in more;
    const server = {
      name,
      flavorRef: this.flavorRef,
      networks: 'none',
      ...(isFromVolume ? {} : { imageRef: this.imageRef }),
      ...more,
    };
    const { status, body } = await this.send('compute', 'POST', '/servers', { server }, NO_NETWORKS);
    expect(status, JSON.stringify(body)).toBe(202);
    this.#note('compute', `/servers/${body.server.id}`);
    await this.reach(body.server.id, 'ACTIVE');
    return body.server.id;
  }

  /** Creates an image of a server. Returns it once it is active. */
  async makeImage(server: string, name: string, metadata: Record<string, string> = {}) {
    const { status, body, location } = await this.action(server, { createImage: { name, metadata } });
    expect(status, JSON.stringify(body)).toBe(202);
    const id = location!.split('/').at(-1)!;
    this.noteImage(id);
    const image = await this.until(async () => {
      const its = await this.image(id);
      return its.status === 'active' && its;
    });
    // The server stays busy for a moment longer.
    await this.until(async () => (await this.server(server))['OS-EXT-STS:task_state'] === null);
    return image;
  }

  /** Creates a queued image, as a person does before an upload. */
  async makeEmptyImage(fields: object = {}) {
    const json = { name: 'empty', disk_format: 'raw', container_format: 'bare', ...fields };
    const { status, body } = await this.send('image', 'POST', '/images', json);
    expect(status, JSON.stringify(body)).toBe(201);
    this.noteImage(body.id);
    return body;
  }

  /**
   * Creates a bootable volume. Returns its id once it is available. `imageMetadata` is its image
   * metadata.
   */
  async makeVolume(name: string, imageMetadata?: Record<string, string>): Promise<string> {
    const { body } = await this.send('volumev3', 'POST', '/volumes', { volume: { name, size: 1 } });
    const { id } = body.volume;
    this.#note('volumev3', `/volumes/${id}`);
    await this.until(async () => (await this.volume(id)).status === 'available');
    const act = (json: object) => this.send('volumev3', 'POST', `/volumes/${id}/action`, json);
    await act({ 'os-set_bootable': { bootable: true } });
    if (imageMetadata) await act({ 'os-set_image_metadata': { metadata: imageMetadata } });
    return id;
  }

  /** Creates a server with a root volume. */
  makeServerOn(volume: string, name: string): Promise<string> {
    const root = { boot_index: 0, uuid: volume, source_type: 'volume', destination_type: 'volume' };
    return this.makeServer(name, { block_device_mapping_v2: [{ ...root, delete_on_termination: false }] });
  }

  noteImage(id: string): void {
    this.#note('image', `/images/${id}`);
  }

  #note(service: Service, path: string): void {
    this.#made.push({ service, path });
  }

  /**
   * Deletes everything that was created, images made of it, and other items with the client's
   * names.
   */
  async cleanUp(): Promise<void> {
    const made = this.#made.splice(0).reverse();
    for (const { service, path } of made.filter((one) => one.service === 'compute')) {
      await this.action(path.split('/').at(-1)!, { unlock: null });
      await this.send(service, 'DELETE', path);
      await this.until(async () => (await this.send(service, 'GET', path)).status === 404);
    }
    for (const { path } of made.filter((one) => one.service === 'image')) {
      await this.patch(path.split('/').at(-1)!, { op: 'replace', path: '/protected', value: false });
      await this.send('image', 'DELETE', path);
    }
    await this.#cleanUpVolumes(
      made.filter(({ path }) => path.startsWith('/volumes/')).map(({ path }) => path),
    );
  }

  async #cleanUpVolumes(paths: string[]): Promise<void> {
    if (paths.length === 0) return;
    const { snapshots } = (await this.send('volumev3', 'GET', '/snapshots/detail')).body;
    const { volumes } = (await this.send('volumev3', 'GET', '/volumes/detail')).body;
    const originals = new Set(paths.map((path) => path.split('/').at(-1)));
    const copies = volumes.filter(({ snapshot_id: id }: { snapshot_id: string | null }) =>
      snapshots.some(
        (one: { id: string; volume_id: string }) => one.id === id && originals.has(one.volume_id),
      ),
    );
    const all = new Set([...originals, ...copies.map(({ id }: { id: string }) => id)]);
    for (const { id, volume_id } of snapshots) {
      if (!all.has(volume_id)) continue;
      // A snapshot in progress cannot be deleted.
      await this.until(
        async () => (await this.send('volumev3', 'DELETE', `/snapshots/${id}`)).status === 404,
      );
    }
    for (const { id, attachments } of volumes) {
      if (!all.has(id)) continue;
      // A Nova without a service role leaves them behind.
      for (const { attachment_id } of attachments) {
        const newer = { 'openstack-api-version': 'volume 3.44' };
        await this.send('volumev3', 'DELETE', `/attachments/${attachment_id}`, undefined, newer);
      }
      await this.send('volumev3', 'DELETE', `/volumes/${id}`);
    }
  }
}

/**
 * @param json a string is sent unchanged.
 */
async function ask(
  url: string,
  method: string,
  json?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    ...(json === undefined ? {} : { body: typeof json === 'string' ? json : JSON.stringify(json) }),
    headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
  });
  const text = await answer.text();
  const body = text.startsWith('{') ? JSON.parse(text) : text;
  return { status: answer.status, body, location: answer.headers.get('location'), headers: answer.headers };
}
