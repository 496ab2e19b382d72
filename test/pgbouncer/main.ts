import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { providePgBouncer } from './build';

/** `npm run test:pgbouncer -- [options of Jest]`: tests of the API with a real PgBouncer in front of PostgreSQL; skipped where none can be had. */
async function main(): Promise<void> {
  const built = await providePgBouncer();
  if ('skipped' in built) {
    process.stdout.write(`SKIPPED: ${built.skipped}\n`);
    return;
  }
  process.stdout.write(`PgBouncer ${built.version}, in transaction mode\n`);
  const root = join(__dirname, '..', '..');
  const { status } = spawnSync(
    process.execPath,
    [
      'node_modules/jest/bin/jest.js',
      '--config',
      'jest.pgbouncer.config.cjs',
      '--maxWorkers=2',
      ...process.argv.slice(2),
    ],
    { cwd: root, stdio: 'inherit', env: { ...process.env, PGBOUNCER_PATH: built.program } },
  );
  process.exitCode = status ?? 1;
}

void main();
