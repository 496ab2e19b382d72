import { createKeyReader, type KeyReader } from '../../domain/identity/key-reader';
import { newKeyText } from '../../domain/identity/key-text';
import {
  createKey,
  listKeys,
  registerKey,
  revokeKey,
  rotateKey,
  type NewKey,
} from '../../domain/identity/keys';
import { adoptAnonymous, listServices } from '../../domain/identity/services';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { ADMIN_CALLER, ADMIN_KEY } from '../support/access-keys';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';

let shop: TestShop;
let reader: KeyReader;

beforeAll(async () => {
  shop = await openTestShop();
  reader = createKeyReader({ db: shop.db, log: testLogger() });
});
afterAll(async () => {
  await reader.close();
  await shop.close();
});

function wanted(changes: Partial<NewKey> = {}): NewKey {
  return {
    service: `s-${newId()}`,
    role: 'service',
    kind: 'live',
    scopes: ['orders'],
    label: null,
    expiresInSeconds: null,
    actor: 'a test',
    ...changes,
  };
}

const make = (changes?: Partial<NewKey>) => createKey(shop.db, wanted(changes));

describe('a key', () => {
  it('signs in as its service, with its scopes, and nothing but its hash is kept', async () => {
    const { key, id } = await make({ scopes: ['orders', 'inventory:read', 'orders'] });
    expect(key).toMatch(/^hf_live_[0-9a-f]{32}_[\w-]{43}$/);
    const found = await shop.db.pool.query<{ service_id: string }>(`select * from api_keys where id = $1`, [
      id,
    ]);
    const principal = await reader.principalOf(key);
    expect(principal).toEqual({
      kind: 'service',
      id: found.rows[0]?.service_id,
      caller: `service:${found.rows[0]?.service_id}`,
      role: 'service',
      scopes: ['orders', 'inventory:read'],
      credential: { kind: 'key', id },
    });
    expect(await reader.principalById(id)).toEqual(principal);
    const secret = key.slice(-43);
    expect(JSON.stringify(found.rows)).not.toContain(secret);
    expect(JSON.stringify(found.rows)).not.toContain(Buffer.from(secret).toString('hex'));
  });

  it('has no role when it is publishable, whatever its service is', async () => {
    const { key } = await make({ kind: 'publishable', role: 'admin', scopes: [] });
    expect(key).toMatch(/^hf_pub_/);
    expect(await reader.principalOf(key)).toMatchObject({ role: null, scopes: ['availability:read'] });
  });

  it('is refused from when it is revoked, and stays so', async () => {
    const { id, key } = await make();
    expect(await reader.principalOf(key)).not.toBeNull();
    const first = await revokeKey(shop.db, { id, actor: 'somebody' });
    expect(first).toMatchObject({ status: 'revoked' });
    expect(await reader.principalOf(key)).toBeNull();
    expect(await revokeKey(shop.db, { id, actor: 'somebody else' })).toEqual(first);
    await expect(revokeKey(shop.db, { id: newId(), actor: 'x' })).rejects.toMatchObject({
      code: 'KEY_NOT_FOUND',
    });
  });

  it('is refused once it has expired', async () => {
    const { id, key, expiresAt } = await make({ expiresInSeconds: 60 });
    expect(Date.parse(String(expiresAt)) - Date.now()).toBeGreaterThan(30_000);
    expect(await reader.principalOf(key)).not.toBeNull();
    await shop.db.pool.query(`update api_keys set expires_at = clock_timestamp() where id = $1`, [id]);
    expect(await reader.principalOf(key)).toBeNull();
  });

  it('is read together with those of other requests, and anew for each later one', async () => {
    const made = await Promise.all([make(), make(), make()]);
    let statements = 0;
    const counting: Database = {
      ...shop.db,
      query(statement) {
        statements += 1;
        return shop.db.query(statement);
      },
    };
    const counted = createKeyReader({ db: counting, log: testLogger() });
    const asked = [...made, ...made, ...made].map(({ key }) => counted.principalOf(key));
    expect((await Promise.all(asked)).every((principal) => principal !== null)).toBe(true);
    expect(statements).toBe(1);
    await counted.principalOf(made[0].key);
    expect(statements).toBe(2);
    await counted.close();
  });

  it('tells when it was used last, written beside the requests', async () => {
    const { id, key, service } = await make();
    const own = createKeyReader({ db: shop.db, log: testLogger() });
    await own.principalOf(key);
    const before = await listKeys(shop.db, { service, limit: 20, offset: 0 });
    expect(before.items).toMatchObject([{ id, lastUsedAt: null }]);
    await own.close();
    const after = await listKeys(shop.db, { service, limit: 20, offset: 0 });
    expect(Date.now() - Date.parse(String(after.items[0]?.lastUsedAt))).toBeLessThan(60_000);
  });
});

describe('rotating a key', () => {
  it('makes one that may do the same, while the old one goes on for the overlap', async () => {
    const old = await make({ label: 'of the shop' });
    const next = await rotateKey(shop.db, { id: old.id, overlapSeconds: 3_600, actor: 'somebody' });
    expect(next).toMatchObject({
      service: old.service,
      scopes: old.scopes,
      label: 'of the shop',
      replaces: old.id,
    });
    const [one, other] = await Promise.all([old.key, next.key].map((key) => reader.principalOf(key)));
    expect(one).toEqual({ ...other, credential: { kind: 'key', id: old.id } });
    await shop.db.pool.query(
      `update api_keys set expires_at = expires_at - interval '1 hour' where id = $1`,
      [old.id],
    );
    expect(await reader.principalOf(old.key)).toBeNull();
    expect(await reader.principalOf(next.key)).not.toBeNull();
  });

  it('never lets the old one live longer than it was to, and the new one as long', async () => {
    const old = await make({ expiresInSeconds: 600 });
    const next = await rotateKey(shop.db, { id: old.id, overlapSeconds: 3_600, actor: 'x' });
    const { items } = await listKeys(shop.db, { service: old.service, limit: 20, offset: 0 });
    expect(items.find(({ id }) => id === old.id)?.expiresAt).toBe(old.expiresAt);
    const seconds = (Date.parse(String(next.expiresAt)) - Date.parse(next.createdAt)) / 1_000;
    expect(Math.round(seconds)).toBe(600);
  });

  it('happens once, also when two ask at once, and not with a key that has ended', async () => {
    const { id } = await make();
    const rotations = await Promise.allSettled(
      [1, 2].map(() => rotateKey(shop.db, { id, overlapSeconds: 3_600, actor: 'x' })),
    );
    const made = rotations.flatMap((each) => (each.status === 'fulfilled' ? [each.value.id] : []));
    const refused: unknown = rotations.find((each) => each.status === 'rejected')?.reason;
    expect(made).toHaveLength(1);
    expect(refused).toMatchObject({ code: 'KEY_ROTATED', details: { successor: made[0] } });
    const ended = await make();
    await revokeKey(shop.db, { id: ended.id, actor: 'x' });
    await expect(rotateKey(shop.db, { id: ended.id, overlapSeconds: 0, actor: 'x' })).rejects.toMatchObject({
      code: 'KEY_ENDED',
    });
    await expect(rotateKey(shop.db, { id: newId(), overlapSeconds: 0, actor: 'x' })).rejects.toMatchObject({
      code: 'KEY_NOT_FOUND',
    });
  });
});

describe('making keys', () => {
  it('needs a service with that role, or makes it; two at once make one', async () => {
    const service = `s-${newId()}`;
    await expect(make({ service, role: undefined })).rejects.toMatchObject({ code: 'UNKNOWN_SERVICE' });
    await Promise.all([make({ service }), make({ service: service.toUpperCase() })]);
    expect((await listServices(shop.db)).filter(({ name }) => name.toLowerCase() === service)).toHaveLength(
      1,
    );
    await expect(make({ service, role: 'admin' })).rejects.toMatchObject({ code: 'SERVICE_HAS_OTHER_ROLE' });
  });

  it.each([
    ['a service without a scope', { scopes: [] }, 'SCOPES_REQUIRED'],
    ['an admin with one', { role: 'admin' as const }, 'SCOPES_NOT_ALLOWED'],
    ['a publishable one that orders', { kind: 'publishable' as const }, 'SCOPES_NOT_ALLOWED'],
  ])('refuses %s', async (_what, changes, code) => {
    await expect(make(changes)).rejects.toMatchObject({ code });
  });

  it('lets a known key be good once, and never again after it was revoked', async () => {
    const { text } = newKeyText('live', newId());
    const known = {
      service: 'known',
      role: 'admin',
      kind: 'live',
      scopes: [],
      actor: 'a test',
      text,
    } as const;
    expect(await registerKey(shop.db, known)).toBe(true);
    expect(await registerKey(shop.db, known)).toBe(true);
    expect(await reader.principalOf(text)).toMatchObject({ role: 'admin' });
    const { items } = await listKeys(shop.db, { service: 'known', limit: 20, offset: 0 });
    expect(items).toHaveLength(1);
    await revokeKey(shop.db, { id: items[0]?.id ?? '', actor: 'x' });
    expect(await registerKey(shop.db, known)).toBe(false);
    expect(await registerKey(shop.db, { ...known, text: 'none' })).toBe(false);
  });
});

it('exactly one service has what anonymous made', async () => {
  const [one, other] = await Promise.all([make(), make()]);
  const adopted = await Promise.allSettled(
    [one, other].map(({ service }) => adoptAnonymous(shop.db, { name: service, actor: 'test' })),
  );
  expect(adopted.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const [winner, loser] = adopted[0]?.status === 'fulfilled' ? [one, other] : [other, one];
  await adoptAnonymous(shop.db, { name: winner.service, actor: 'test' });
  await expect(adoptAnonymous(shop.db, { name: loser.service, actor: 'test' })).rejects.toMatchObject({
    code: 'ADOPTED_BY_ANOTHER',
  });
  await expect(adoptAnonymous(shop.db, { name: 'nobody', actor: 'test' })).rejects.toMatchObject({
    code: 'UNKNOWN_SERVICE',
  });
  expect(await reader.principalOf(winner.key)).toMatchObject({ adoptsAnonymous: true });
  expect(await reader.principalOf(loser.key)).not.toHaveProperty('adoptsAnonymous');
});

it('every test has a key of an admin', async () => {
  expect(await reader.principalOf(ADMIN_KEY)).toMatchObject({ caller: ADMIN_CALLER, role: 'admin' });
});
