import { execFile } from 'node:child_process';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { tmpdir } from 'node:os';

/** Runs the check with an `npm` that prints what a registry would have made it print. */
async function audit(answers: { advisories: string; signatures: string }) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-audit-'));
  const npm = join(folder, 'npm');
  await writeFile(join(folder, 'advisories'), answers.advisories);
  await writeFile(join(folder, 'signatures'), answers.signatures);
  await writeFile(
    npm,
    `#!/bin/sh\n[ "$2" = signatures ] && exec cat '${folder}/signatures'\nexec cat '${folder}/advisories'\n`,
  );
  await chmod(npm, 0o755);
  return new Promise<{ code: number; text: string }>((resolve) => {
    const env = { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH ?? ''}` };
    execFile(process.execPath, ['.ci/audit.mjs'], { env }, (error, stdout) => {
      resolve({ code: error ? Number(error.code) : 0, text: stdout });
    });
  });
}

const advisories = (high: number) =>
  JSON.stringify({ metadata: { vulnerabilities: { moderate: 2, high, critical: 0, total: 2 + high } } });
const signatures = (invalid: readonly string[]) => JSON.stringify({ invalid, missing: [] });

test('a grave fault of a production dependency fails the run, a moderate one does not', async () => {
  const sound = await audit({ advisories: advisories(0), signatures: signatures([]) });
  expect(sound).toMatchObject({ code: 0, text: expect.stringContaining('2 known faults') as string });
  const grave = await audit({ advisories: advisories(1), signatures: signatures([]) });
  expect(grave.code).toBe(1);
});

test('a package with a wrong signature fails the run', async () => {
  expect((await audit({ advisories: advisories(0), signatures: signatures(['left-pad']) })).code).toBe(1);
});

test('a registry that cannot be asked does not fail the run, which says so', async () => {
  const away = await audit({ advisories: '{"error":{"summary":"405 Method Not Allowed"}}', signatures: '' });
  expect(away.code).toBe(0);
  expect(away.text).toContain('npm audit was not checked: 405 Method Not Allowed');
  expect(away.text).toContain('npm audit signatures was not checked: no answer');
});
