import { createKeyReader, type KeyReader } from '../../domain/identity/key-reader';
import { openTestShop, type TestShop } from '../support/fixtures';
import { scratchFolder, testLogger } from '../support/servers';
import { ensureBuilt } from './build';
import { holdfast } from './holdfast';

let shop: TestShop;
let reader: KeyReader;
let cwd: string;

beforeAll(async () => {
  await ensureBuilt();
  cwd = await scratchFolder('cli');
  shop = await openTestShop();
  reader = createKeyReader({ db: shop.db, log: testLogger() });
});
afterAll(async () => {
  await reader.close();
  await shop.close();
});

const run = (...args: string[]) => holdfast(args, { cwd, env: { DATABASE_URL: shop.runtimeUrl } });

async function made(...args: string[]): Promise<{ id: string; key: string }> {
  const { code, stdout, stderr } = await run(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as { id: string; key: string };
}

// The steps build on one another, as they do for whoever sets Holdfast up.
describe('services and keys by command', () => {
  let first: { id: string; key: string };

  it('services create makes the first admin, and prints the key this once', async () => {
    const { code, stdout } = await run('services', 'create', 'ops', '--role', 'admin');
    expect(code).toBe(0);
    const key = /hf_live_[0-9a-f]{32}_[\w-]{43}/.exec(stdout)?.[0] ?? '';
    expect(await reader.principalOf(key)).toMatchObject({ role: 'admin' });
    const listed = await run('keys', 'list');
    expect(listed.stdout).toMatch(/active +live +ops +admin +never used/);
    expect(listed.stdout).not.toContain(key.slice(-43));
  });

  it('keys create makes keys of a service with scopes, an end, or for the pages of a shop', async () => {
    first = await made(
      'services',
      'create',
      'shop',
      '--role',
      'service',
      '--scope',
      'orders',
      'reservations',
    );
    expect(await reader.principalOf(first.key)).toMatchObject({ scopes: ['orders', 'reservations'] });
    const year = await made('keys', 'create', 'shop', '--scope', 'orders', '--expires-days', '365');
    expect(year).toMatchObject({ expiresAt: expect.stringMatching(/^20/) as string });
    const { key } = await made('keys', 'create', 'shop', '--publishable');
    expect(await reader.principalOf(key)).toMatchObject({ role: null, scopes: ['availability:read'] });
  });

  it('keys rotate and revoke end keys', async () => {
    const next = await made('keys', 'rotate', first.id, '--overlap', '0');
    expect(await reader.principalOf(first.key)).toBeNull();
    expect(await reader.principalOf(next.key)).not.toBeNull();
    expect((await run('keys', 'revoke', next.id)).code).toBe(0);
    expect(await reader.principalOf(next.key)).toBeNull();
    const states = JSON.parse((await run('keys', 'list', '--service', 'shop', '--json')).stdout) as {
      status: string;
    }[];
    expect(states.map(({ status }) => status)).toEqual(['revoked', 'active', 'active', 'expired']);
  });

  it('services adopt-anonymous gives one service what was made without sign-in', async () => {
    expect((await run('services', 'adopt-anonymous', 'shop')).code).toBe(0);
    const other = await run('services', 'adopt-anonymous', 'ops');
    expect({ code: other.code, stderr: other.stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('shop has what anonymous made') as string,
    });
    expect((await run('services', 'list')).stdout).toMatch(/service +shop +has what anonymous made/);
  });

  it.each([
    ['a role that there is not', ['services', 'create', 'x', '--role', 'king']],
    ['no role', ['services', 'create', 'x']],
    ['a scope that there is not', ['keys', 'create', 'shop', '--scope', 'everything']],
    ['no scope', ['keys', 'create', 'shop']],
    ['an id that is none', ['keys', 'revoke', 'x']],
    ['a service that there is not', ['keys', 'create', 'nobody', '--scope', 'orders']],
  ])('refuses %s', async (_what, args) => {
    const { code, stdout, stderr } = await run(...args);
    expect(code).not.toBe(0);
    expect([stdout, stderr]).toEqual(['', expect.stringMatching(/\S/)]);
  });
});
