import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stackOf } from '../../platform/errors';
import { NODE_VERSIONS, provideNode } from './provide';

const run = promisify(execFile);
const ROOT = join(__dirname, '..', '..');

/**
 * `npm run test:node-versions -- [version ...]`: the tests of `jest.node-versions.config.cjs`, and the product from an empty folder through its
 * demo, under other versions of Node, with the dependencies that are installed here. A version whose program cannot be had is skipped, and
 * said; the run fails where none was tried.
 */
async function main(versions: readonly string[]): Promise<void> {
  let tried = 0;
  for (const version of versions) {
    const provided = await provideNode(version);
    if ('skipped' in provided) {
      say(`SKIPPED: Node ${version}: ${provided.skipped}`);
      continue;
    }
    tried += 1;
    const { stdout } = await run(provided.program, ['--version']);
    if (stdout.trim() !== `v${version}`) throw new Error(`what was installed is ${stdout.trim()}`);
    for (const [what, ends] of [
      ['the chosen tests', chosenTestsPass(provided.program)],
      ['the product starts and plays its demo', await demoGoesRight(provided.program)],
    ] as const) {
      say(`${ends ? '✓' : '✕'} Node ${version}: ${what}`);
      if (!ends) process.exitCode = 1;
    }
  }
  if (tried === 0) throw new Error('no version of Node could be tried');
}

/** With the bundle of the workflows made under this version too: by the tests' set-up. */
function chosenTestsPass(node: string): boolean {
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  return ends(node, [jest, '--config', 'jest.node-versions.config.cjs', '--maxWorkers=2'], ROOT);
}

async function demoGoesRight(node: string): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-node-'));
  // PostgreSQL may run as another user, who must be able to pass.
  await chmod(folder, 0o711);
  const settings = { HOLDFAST_HOME: join(folder, 'home') };
  try {
    return ends(
      node,
      [join(ROOT, 'dist', 'cli', 'main.js'), 'up', '--smoke', '--port', '0'],
      folder,
      settings,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether it ends with 0. What it starts, such as workers of Jest, runs under the same Node. */
function ends(node: string, args: readonly string[], cwd: string, more = {}): boolean {
  const { PATH, HOME, XDG_CACHE_HOME, TEMPORAL_CLI_PATH } = process.env;
  const { status, error } = spawnSync(node, args, {
    cwd,
    stdio: 'inherit',
    env: { PATH, HOME, XDG_CACHE_HOME, TEMPORAL_CLI_PATH, ...more },
  });
  if (error) throw error;
  return status === 0;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

const asked = process.argv.slice(2);
main(asked.length > 0 ? asked : NODE_VERSIONS).catch((error: unknown) => {
  process.stderr.write(`${stackOf(error)}\n`);
  process.exitCode = 1;
});
