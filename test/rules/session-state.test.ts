import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const PRODUCT = [
  'activities',
  'api',
  'cli',
  'domain',
  'integrations',
  'migrations',
  'platform',
  'worker',
  'workflows',
];

/** What stays with a session after a transaction: behind a pooler in transaction mode another client would have it. */
const STAYS: Readonly<Record<string, RegExp>> = {
  'a lock of the session': /pg_(try_)?advisory_lock(_shared)?\s*\(/,
  'a setting of the session': /set_config\([^;]*?,\s*false\s*\)|\bset session\b/i,
  'a channel that is listened to': /`listen \$|'listen [a-z]|query\(.listen/i,
  'a temporary table': /create\s+(local\s+|global\s+)?temp(orary)?\s+(table|view|sequence)/i,
  'a cursor that outlives its transaction': /\bwith hold\b/i,
  'a statement by SQL': /^\s*(prepare|deallocate)\s+\w+|\bdiscard all\b/im,
};

/** On connections to the server itself, and why. */
const DIRECT: Readonly<Record<string, readonly string[]>> = {
  // Only one process migrates; its lock ends with it.
  'platform/database/migrations.ts': ['a lock of the session', 'a setting of the session'],
  'platform/database/listener.ts': ['a channel that is listened to'],
};

function sources(): string[] {
  return PRODUCT.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true })
      .map((name) => `${folder}/${String(name).replaceAll('\\', '/')}`)
      .filter((name) => /\.(ts|sql)$/.test(name)),
  );
}

function stayingIn(text: string): string[] {
  return Object.entries(STAYS).flatMap(([what, pattern]) => (pattern.test(text) ? [what] : []));
}

test('nothing that goes through a pooler leaves anything in its session', () => {
  const files = sources();
  expect(files.length).toBeGreaterThan(300);
  const found = files.flatMap((file) => {
    const staying = stayingIn(readFileSync(join(ROOT, file), 'utf8'));
    return staying.length > 0 ? [[file, staying] as const] : [];
  });
  expect(Object.fromEntries(found)).toEqual(DIRECT);
});

test.each([
  'select pg_advisory_lock(1)',
  'select pg_try_advisory_lock_shared(1, 2)',
  `select set_config('work_mem', '1MB', false)`,
  'create temporary table x (n int)',
  'declare c cursor with hold for select 1',
])('it would find: %s', (statement) => {
  expect(stayingIn(statement)).toHaveLength(1);
});

test.each([
  'select pg_advisory_xact_lock(1)',
  'select pg_try_advisory_xact_lock_shared(1)',
  `select set_config('work_mem', '1MB', true)`,
])('it leaves alone what ends with its transaction: %s', (statement) => {
  expect(stayingIn(statement)).toEqual([]);
});
