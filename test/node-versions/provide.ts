import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../platform/errors';

const run = promisify(execFile);
const CACHE = join(__dirname, '..', '..', 'node_modules', '.cache', 'holdfast', 'node');

/** Of `engines` in package.json: the oldest of each line that is allowed, and of 24, which the image has, the one that was tried last. */
export const NODE_VERSIONS = ['20.19.0', '22.12.0', '24.21.0'] as const;

/** The program of a version, from its package of the npm registry. */
export async function provideNode(version: string): Promise<{ program: string } | { skipped: string }> {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(CACHE, version);
  try {
    await mkdir(folder, { recursive: true });
    await run('npm', [
      'install',
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
      `${name}@${version}`,
    ]);
  } catch (error) {
    return { skipped: `${name} could not be installed: ${messageOf(error)}` };
  }
  return { program: join(folder, 'node_modules', name, 'bin', 'node') };
}
