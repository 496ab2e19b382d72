import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lock } from 'proper-lockfile';

const ROOT = join(__dirname, '..', '..');
const SOURCES = [
  'activities',
  'api',
  'bench',
  'cli',
  'domain',
  'integrations',
  'platform',
  'worker',
  'workflows',
  'package.json',
];
/** What the build writes last. */
const LAST_OUTPUT = join(ROOT, 'dist', 'workflow-bundle.js');

/** Runs `npm run build` unless it has run since the sources changed; one test file at a time does. */
export async function ensureBuilt(): Promise<void> {
  const unlock = await lock(ROOT, {
    lockfilePath: join(ROOT, 'node_modules', '.holdfast-build.lock'),
    retries: { retries: 600, factor: 1, minTimeout: 200 },
  });
  try {
    if ((await changedAt(LAST_OUTPUT)) > (await newestSource())) return;
    await build();
  } finally {
    await unlock();
  }
}

async function build(): Promise<void> {
  const options = { cwd: ROOT, shell: process.platform === 'win32' };
  await promisify(execFile)('npm', ['run', '--silent', 'build'], options).catch((error: unknown) => {
    // What the compiler has to say is on its standard output.
    throw new Error(error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error));
  });
}

async function newestSource(): Promise<number> {
  const times = await Promise.all(
    SOURCES.map(async (source) => {
      const path = join(ROOT, source);
      if (!(await stat(path)).isDirectory()) return changedAt(path);
      const files = (await readdir(path, { recursive: true })).filter((name) => name.endsWith('.ts'));
      return Math.max(0, ...(await Promise.all(files.map((name) => changedAt(join(path, name))))));
    }),
  );
  return Math.max(...times);
}

function changedAt(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}
