import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { newKeyText } from '../domain/identity/key-text';
import { registerKey, type RegisteredKey } from '../domain/identity/keys';
import type { Settings } from '../platform/config';
import type { Database } from '../platform/database/database';
import { newId } from '../platform/ids';

/** What each key is of. */
const DEMO_KEYS = {
  adminApiKey: { service: 'demo-admin', role: 'admin', kind: 'live', scopes: [] },
  operatorApiKey: { service: 'demo-operator', role: 'operator', kind: 'live', scopes: [] },
  serviceApiKey: {
    service: 'demo-shop',
    role: 'service',
    kind: 'live',
    scopes: ['orders', 'reservations', 'inventory:read'],
  },
  publishableKey: {
    service: 'demo-shop',
    role: 'service',
    kind: 'publishable',
    scopes: ['availability:read'],
  },
} as const satisfies Record<string, Omit<RegisteredKey, 'text' | 'actor'>>;

type DemoKeyName = keyof typeof DEMO_KEYS;

/** Keys for trying the embedded stack. */
export type DemoKeys = Record<DemoKeyName, string>;

const NAMES = Object.keys(DEMO_KEYS) as DemoKeyName[];
const keysText = z.partialRecord(z.enum(NAMES), z.string());

/**
 * The keys of this home, which are made where they are missing or were revoked. They are kept in a file that only its owner can read: the
 * database has their hashes.
 */
export async function ensureDemoKeys(settings: Settings, db: Database): Promise<DemoKeys> {
  const path = join(settings.HOLDFAST_HOME, 'demo-keys.json');
  const kept = await readKept(path);
  const keys: Partial<DemoKeys> = {};
  for (const name of NAMES) keys[name] = await ensureKey(db, name, kept[name]);
  const text = `${JSON.stringify(keys, null, 2)}\n`;
  if (NAMES.some((name) => kept[name] !== keys[name])) {
    await mkdir(settings.HOLDFAST_HOME, { recursive: true });
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
  return keys as DemoKeys;
}

async function readKept(path: string): Promise<Partial<DemoKeys>> {
  const text = await readFile(path, 'utf8').catch(() => '{}');
  try {
    return keysText.parse(JSON.parse(text));
  } catch {
    // Written by hand, or broken: they are made anew.
    return {};
  }
}

async function ensureKey(db: Database, name: DemoKeyName, kept: string | undefined): Promise<string> {
  const wanted = { ...DEMO_KEYS[name], actor: 'holdfast up' };
  if (kept !== undefined && (await registerKey(db, { ...wanted, text: kept }))) return kept;
  const { text } = newKeyText(wanted.kind, newId());
  await registerKey(db, { ...wanted, text });
  return text;
}
