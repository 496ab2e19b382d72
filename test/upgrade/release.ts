import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { messageOf } from '../../platform/errors';

const run = promisify(execFile);
const ROOT = join(__dirname, '..', '..');

/** The commit of the release before this one: it is changed with each release. */
export const RELEASE_BEFORE = '4e86a1e265d06de34c2a29b2f5018a111a1d612a';

const manifest = z.object({
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});

/**
 * Builds the program as a commit of this repository has it.
 *
 * @returns its `cli/main.js`, or why the commit is not to be had
 */
export async function buildRelease(
  commit: string,
  folder: string,
): Promise<{ program: string } | { skipped: string }> {
  try {
    await run('git', ['cat-file', '-e', `${commit}^{commit}`], { cwd: ROOT });
  } catch (error) {
    return {
      skipped: `the commit ${commit} is not in the history here: ${messageOf(error).split('\n')[1] ?? ''}`,
    };
  }
  await mkdir(folder, { recursive: true });
  const archive = spawn('git', ['archive', '--format=tar', commit], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const unpacked = spawn('tar', ['-x', '-C', folder], { stdio: ['pipe', 'inherit', 'inherit'] });
  archive.stdout.pipe(unpacked.stdin);
  const [code] = (await once(unpacked, 'close')) as [number | null];
  if (code !== 0) throw new Error(`the commit ${commit} could not be unpacked`);
  await provideDependencies(folder);
  await run('npm', ['run', '--silent', 'build'], { cwd: folder, maxBuffer: 16 * 1_048_576 });
  return { program: join(folder, 'dist', 'cli', 'main.js') };
}

/** Those that are installed here, where they are the same versions; else its own. */
async function provideDependencies(folder: string): Promise<void> {
  const [theirs, ours] = await Promise.all([folder, ROOT].map(dependenciesOf));
  const isSame = Object.entries(theirs ?? {}).every(([name, version]) => ours?.[name] === version);
  if (isSame) await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  else await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, maxBuffer: 16 * 1_048_576 });
}

async function dependenciesOf(folder: string): Promise<Record<string, string>> {
  const { dependencies, devDependencies } = manifest.parse(
    JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')),
  );
  return { ...dependencies, ...devDependencies };
}
