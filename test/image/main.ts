import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { z } from 'zod';
import { choosePort } from '../../platform/embedded/ports';
import { stackOf } from '../../platform/errors';
import { createLogger } from '../../platform/telemetry/log';
import { readOnlyExcept } from '../cli/read-only';
import { NODE_VERSIONS, provideNode } from '../node-versions/provide';
import { waitFor } from '../support/wait';
import { startServers } from '../upgrade/servers';
import { withStops, type Stops } from '../upgrade/stops';
import { buildImage, type BuiltImage } from './dockerfile';

const ROOT = join(__dirname, '..', '..');
/** `nobody`: who may read what everybody may, and owns nothing. */
const NOBODY = 65_534;
const STARTS_WITHIN_MS = 120_000;
const log = createLogger('error', 'image');

/**
 * `npm run test:image`: carries out the Dockerfile in folders, under the Node that it names, and has what its last stage holds take an
 * order: as a user who owns none of it where this is run by root, with writes to its temporary folder alone. Docker itself, and Debian's
 * packages in its image, are not tried.
 */
async function main(): Promise<void> {
  await withStops('holdfast-image-', async (folder, stops) => {
    const provided = await provideNode(NODE_VERSIONS[2]);
    if ('skipped' in provided) {
      say(`SKIPPED: ${provided.skipped}`);
      return;
    }
    const path = [dirname(provided.program), process.env.PATH ?? ''].join(delimiter);
    const image = await buildImage(ROOT, folder, { ...process.env, PATH: path });
    await checkFiles(image);
    say('built, with a list of what is in it');
    await takeAnOrder({ image, folder, path, stops });
  });
}

const sbomSchema = z.object({ components: z.array(z.object({ name: z.string(), version: z.string() })) });
const manifestSchema = z.object({
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});

/** What is there is what is needed, and what is listed is what is there. */
async function checkFiles({ root, workdir, user }: BuiltImage): Promise<void> {
  const app = join(root, workdir);
  const json = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(app, name), 'utf8')) as unknown;
  const { dependencies, devDependencies } = manifestSchema.parse(await json('package.json'));
  const listed = new Set(
    sbomSchema.parse(await json('sbom.json')).components.map(({ name, version }) => `${name}@${version}`),
  );
  for (const [name, version] of Object.entries(dependencies)) {
    if (!listed.has(`${name}@${version}`)) throw new Error(`sbom.json lacks ${name}@${version}`);
    if (!existsSync(join(app, 'node_modules', name))) throw new Error(`the image lacks ${name}`);
  }
  const extra = Object.keys(devDependencies).filter((name) => listed.has(`${name}@${devDependencies[name]}`));
  // What production needs as well, such as types of a package.
  for (const name of extra)
    if (!existsSync(join(app, 'node_modules', name))) throw new Error(`sbom.json has ${name}`);
  if (existsSync(join(app, 'node_modules', 'jest')))
    throw new Error('the image has development dependencies');
  if (user === 'root') throw new Error('it runs as root');
}

async function takeAnOrder(around: {
  image: BuiltImage;
  folder: string;
  path: string;
  stops: Stops;
}): Promise<void> {
  const { image, folder, path, stops } = around;
  const servers = await startServers(folder, stops, log);
  const port = await choosePort(undefined, 'the API', log);
  const writable = join(folder, 'tmp');
  await mkdir(writable);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await chown(writable, NOBODY, NOBODY);
  const env = {
    ...servers,
    ...image.env,
    ...readOnlyExcept(writable, '--permission'),
    PATH: path,
    HOME: writable,
    PORT: String(port),
    SANDBOX_CARRIER_WEBHOOK_URL: `http://127.0.0.1:${port}/api/v1/carriers/sandbox/events`,
  };

  function start([command = '', ...args]: readonly string[]): { child: ChildProcess; said(): string } {
    const child = spawn(command, args, {
      cwd: join(image.root, image.workdir),
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(isRoot ? { uid: NOBODY, gid: NOBODY } : {}),
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (text += String(part)));
    return { child, said: () => text };
  }
  /** What it prints; fails where it does not end with 0. */
  async function run(...args: string[]): Promise<string> {
    const { child, said } = start([...image.entrypoint, ...args]);
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`holdfast ${args.join(' ')} ended with ${String(code)}: ${said()}`);
    return said();
  }
  function keep(name: string): void {
    const { child, said } = start([...image.entrypoint, name]);
    stops.push(async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'close');
      if (child.exitCode !== 0) say(`✕ ${name} ended with ${String(child.exitCode)}: ${said()}`);
      if (child.exitCode !== 0) process.exitCode = 1;
    });
  }

  await run('migrate');
  await run('seed');
  const created = await run('services', 'create', 'image', '--role', 'admin', '--json');
  const { key } = z.object({ key: z.string() }).parse(JSON.parse(created));
  keep('worker');
  await run('deploy', '--wait', '60');
  keep('api');
  const url = `http://127.0.0.1:${port}`;
  await waitFor(async () => (await fetch(`${url}/ready`)).ok, STARTS_WITHIN_MS);
  const { child, said } = start(image.healthcheck);
  const [healthy] = (await once(child, 'close')) as [number | null];
  if (healthy !== 0) throw new Error(`its health is ${String(healthy)}: ${said()}`);
  const headers = { 'x-api-key': key, 'content-type': 'application/json' };
  const placed = await fetch(`${url}/api/v1/orders`, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      customerId: 'c-1',
      items: [{ sku: 'CHAIR-001', quantity: 1 }],
      payment: { method: 'card', token: 'tok_ok' },
    }),
  });
  const { id } = z.object({ id: z.string() }).parse(await placed.json());
  await waitFor(async () => {
    const response = await fetch(`${url}/api/v1/orders/${id}/status`, { headers });
    return z.object({ status: z.string() }).parse(await response.json()).status === 'fulfilled';
  });
  say(
    `${isRoot ? 'as nobody, ' : ''}on files that it cannot change, it is healthy and has fulfilled an order`,
  );
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
