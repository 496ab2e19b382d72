import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';

const ROOT = join(__dirname, '..', '..');

const sbomSchema = z.object({
  bomFormat: z.literal('CycloneDX'),
  metadata: z.object({ component: z.object({ name: z.string(), version: z.string() }) }),
  components: z.array(z.object({ name: z.string(), version: z.string() })),
});
const manifest = z
  .object({
    name: z.string(),
    version: z.string(),
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')));

test('the bill of materials names every production dependency at its version, and no development dependency', async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'sbom'], {
    cwd: ROOT,
    maxBuffer: 64 * 1_048_576,
    shell: process.platform === 'win32',
  });
  const { metadata, components } = sbomSchema.parse(JSON.parse(stdout));
  expect(metadata.component).toEqual({ name: manifest.name, version: manifest.version });
  const listed = new Map<string, string[]>();
  for (const { name, version } of components) listed.set(name, [...(listed.get(name) ?? []), version]);
  for (const [name, version] of Object.entries(manifest.dependencies))
    expect({ name, versions: listed.get(name) ?? [] }).toEqual({
      name,
      versions: expect.arrayContaining([version]) as string[],
    });
  // What its dependencies need is there too.
  expect(components.length).toBeGreaterThan(Object.keys(manifest.dependencies).length);
  for (const name of ['jest', 'eslint', 'typescript']) {
    expect(manifest.devDependencies).toHaveProperty(name);
    expect(listed.has(name)).toBe(false);
  }
});
