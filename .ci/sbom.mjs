// Prints what production needs, as CycloneDX, from the lock file: on all platforms, with the embedded PostgreSQL. `npm sbom --omit=dev` leaves out
// what a development dependency needs as well, so it is given a package without any.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const above = mkdtempSync(join(tmpdir(), 'holdfast-sbom-'));
const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));
try {
  const manifest = read('package.json');
  // npm names the root by its folder.
  const folder = join(above, manifest.name);
  mkdirSync(folder);
  const lock = read('package-lock.json');
  for (const root of [manifest, lock.packages['']]) delete root.devDependencies;
  for (const [path, { dev }] of Object.entries(lock.packages)) if (dev) delete lock.packages[path];
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  const { status } = spawnSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(above, { recursive: true, force: true });
}
