import {
  createKey,
  listKeys,
  revokeKey,
  rotateKey,
  type NewKey,
  type ShownKey,
} from '../domain/identity/keys';
import { adoptAnonymous, listServices } from '../domain/identity/services';
import type { Settings } from '../platform/config';
import { operator } from './operator';
import type { Output } from './output';
import { withDatabase } from './verify';

/** Most keys that are listed: the newest. */
const LISTED = 1_000;

/** `holdfast services create`, `holdfast keys create`. */
export function createServiceKey(
  settings: Settings,
  wanted: Omit<NewKey, 'actor'>,
  output: Output,
): Promise<number> {
  return withDatabase(settings, async (db) => {
    show(await createKey(db, { ...wanted, actor: operator() }), output);
    return 0;
  });
}

/** `holdfast keys rotate`. */
export function rotateServiceKey(
  settings: Settings,
  wanted: { id: string; overlapSeconds: number },
  output: Output,
): Promise<number> {
  return withDatabase(settings, async (db) => {
    show(await rotateKey(db, { ...wanted, actor: operator() }), output);
    return 0;
  });
}

/** `holdfast keys revoke`. */
export function revokeServiceKey(settings: Settings, id: string, output: Output): Promise<number> {
  return withDatabase(settings, async (db) => {
    const { service } = await revokeKey(db, { id, actor: operator() });
    output.line(`${id}  of ${service} is revoked.`);
    output.json({ id, service, revoked: true });
    return 0;
  });
}

/** `holdfast keys list`. */
export function showKeys(
  settings: Settings,
  { service }: { service: string | undefined },
  output: Output,
): Promise<number> {
  return withDatabase(settings, async (db) => {
    const { items } = await listKeys(db, { service, limit: LISTED, offset: 0 });
    output.json(items);
    if (items.length === 0) output.line('There are no keys: `holdfast services create NAME --role admin`.');
    for (const key of items) {
      const may = key.scopes.length > 0 ? key.scopes.join(',') : key.role;
      const ends = key.expiresAt === null ? '' : `  until ${key.expiresAt}`;
      const used = key.lastUsedAt === null ? 'never used' : `used ${key.lastUsedAt}`;
      output.line(`${key.id}  ${key.status}  ${key.kind}  ${key.service}  ${may}  ${used}${ends}`);
    }
    return 0;
  });
}

/** `holdfast services list`. */
export function showServices(settings: Settings, output: Output): Promise<number> {
  return withDatabase(settings, async (db) => {
    const services = await listServices(db);
    output.json(services);
    for (const { id, name, role, adoptsAnonymous } of services)
      output.line(`${id}  ${role}  ${name}${adoptsAnonymous ? '  has what anonymous made' : ''}`);
    return 0;
  });
}

/** `holdfast services adopt-anonymous`. */
export function adoptForService(settings: Settings, name: string, output: Output): Promise<number> {
  return withDatabase(settings, async (db) => {
    const service = await adoptAnonymous(db, { name, actor: operator() });
    output.line(`${service.name} has what was made without sign-in, and its idempotency keys.`);
    output.json(service);
    return 0;
  });
}

function show(key: ShownKey, output: Output): void {
  output.json(key);
  output.item('Service', `${key.service} (${key.role})`);
  output.item('Key', key.key);
  output.line('\nThe key is shown this once. Send it in the header X-Api-Key.');
}
