import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../platform/errors';
import { waitFor } from '../support/wait';
import { cacheFolder } from '../../platform/embedded/folders';

const run = promisify(execFile);

export interface PrometheusPrograms {
  prometheus: string;
  promtool: string;
}

/** Of Debian 12. */
const VERSION = '2.42';

/**
 * Prometheus: of this machine, of the cache, or of Debian's package, which is unpacked into the cache and not installed.
 *
 * @throws Error that says why there is none
 */
export async function providePrometheus(): Promise<PrometheusPrograms> {
  const folder = join(cacheFolder(), 'prometheus', VERSION);
  for (const bin of [...(process.env['PATH'] ?? '').split(':'), join(folder, 'usr', 'bin')]) {
    const programs = { prometheus: join(bin, 'prometheus'), promtool: join(bin, 'promtool') };
    if (Object.values(programs).every((path) => existsSync(path))) return programs;
  }
  await mkdir(join(folder, '..'), { recursive: true });
  const draft = await mkdtemp(join(folder, '..', 'draft-'));
  try {
    await run('apt-get', ['download', 'prometheus'], { cwd: draft });
    const [file] = (await readdir(draft)).filter((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error('apt-get has downloaded nothing');
    await run('dpkg-deb', ['-x', join(draft, file), draft]);
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw new Error(`Debian's package could not be unpacked: ${messageOf(error)}`, { cause: error });
  }
  const bin = join(folder, 'usr', 'bin');
  return { prometheus: join(bin, 'prometheus'), promtool: join(bin, 'promtool') };
}

/** What an expression has now. */
export interface Sample {
  metric: Readonly<Record<string, string>>;
}

export interface Prometheus {
  /** @throws Error for an expression that is not valid */
  query(expression: string): Promise<Sample[]>;
  /** Rules as it evaluates them. */
  rules(): Promise<{ name: string; health: string; lastError?: string }[]>;
  stop(): Promise<void>;
}

interface Reply<Data> {
  status: string;
  error?: string;
  data: Data;
}

/** Runs Prometheus on loopback with this configuration; resolves when it responds. */
export async function startPrometheus(
  program: string,
  { config, folder, port }: { config: string; folder: string; port: number },
): Promise<Prometheus> {
  const child: ChildProcess = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const ask = async <Data>(path: string): Promise<Data> => {
    const response = await fetch(`${url}/api/v1/${path}`);
    // The shape that Prometheus documents for its HTTP API.
    const reply = (await response.json()) as Reply<Data>;
    if (reply.status !== 'success') throw new Error(reply.error ?? `status ${response.status}`);
    return reply.data;
  };
  await waitFor(() => ask('status/buildinfo'));
  return {
    async query(expression) {
      return (await ask<{ result: Sample[] }>(`query?query=${encodeURIComponent(expression)}`)).result;
    },
    async rules() {
      const { groups } = await ask<{ groups: { rules: { name: string; health: string }[] }[] }>('rules');
      return groups.flatMap(({ rules }) => rules);
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
