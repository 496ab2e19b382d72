import { createHmac, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, SignJWT, type JWTPayload } from 'jose';
import { createAccessTokenReader, issueAccessToken } from '../../domain/identity/signing/access-tokens';
import { createSigningKeys, rotateSigningKeys } from '../../domain/identity/signing/signing-keys';
import { newId } from '../../platform/ids';
import { openTestShop, type TestShop } from '../support/fixtures';

const NAMES = { issuer: 'holdfast', audience: 'holdfast-api' };
const SECRET = randomBytes(32);
const CLAIMS = {
  userId: newId(),
  role: 'customer',
  sessionId: newId(),
  signedInAt: new Date('2026-01-02T03:04:05Z'),
} as const;
const REFUSED = { code: 'NOT_SIGNED_IN' };

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());
beforeEach(() => shop.db.pool.query('delete from signing_keys'));

/** Keys as another process has them. */
const keysOf = (secret: Buffer | undefined = SECRET) => createSigningKeys({ db: shop.db, secret });
const read = (token: string, keys = keysOf()) => createAccessTokenReader(keys, NAMES).read(token);
const now = () => Math.floor(Date.now() / 1_000);

test('a token says whose it is, at every process and by the published keys alone', async () => {
  const keys = keysOf();
  const token = await issueAccessToken(keys, NAMES, CLAIMS);
  await expect(read(token)).resolves.toMatchObject(CLAIMS);
  const { payload, protectedHeader } = await jwtVerify(
    token,
    createLocalJWKSet({ keys: await keys.published() }),
    NAMES,
  );
  expect(protectedHeader).toMatchObject({ alg: 'EdDSA', typ: 'at+jwt', kid: expect.any(String) as string });
  expect(payload.exp! - payload.iat!).toBe(600);
  // Clocks may differ by half a minute.
  expect((await read(token)).until).toBe((payload.exp! + 30) * 1_000);
});

test('processes that need the first key at once make one', async () => {
  const tokens = await Promise.all(
    Array.from({ length: 6 }, () => issueAccessToken(keysOf(), NAMES, CLAIMS)),
  );
  await Promise.all(tokens.map((token) => expect(read(token)).resolves.toMatchObject(CLAIMS)));
  expect(await keysOf().published()).toHaveLength(1);
});

describe('a token is refused', () => {
  /** Signed with the real key, saying something else. */
  async function signed(
    payload: JWTPayload,
    { typ = 'at+jwt', ...header }: { typ?: string; kid?: string } = {},
  ): Promise<string> {
    const { kid, key } = await keysOf().current();
    const whole = {
      sub: CLAIMS.userId,
      role: 'customer',
      sid: CLAIMS.sessionId,
      auth_time: CLAIMS.signedInAt.getTime() / 1_000,
      iss: NAMES.issuer,
      aud: NAMES.audience,
      iat: now(),
      exp: now() + 600,
      ...payload,
    };
    return new SignJWT(whole).setProtectedHeader({ alg: 'EdDSA', typ, kid, ...header }).sign(key);
  }

  test('not, when nothing is wrong with it', async () => {
    await expect(read(await signed({}))).resolves.toMatchObject(CLAIMS);
  });

  test('not, where a build of before has issued it, which did not say when somebody signed in', async () => {
    const before = await signed({ auth_time: undefined });
    await expect(read(before)).resolves.toMatchObject({ ...CLAIMS, signedInAt: null });
  });

  test.each<[string, JWTPayload]>([
    ['has ended', { iat: now() - 700, exp: now() - 100 }],
    ['ends too late', { iat: now() - 700, exp: now() + 86_400 }],
    ['was issued ahead of time', { iat: now() + 100, exp: now() + 700 }],
    ['is not good yet', { nbf: now() + 100 }],
    ['never ends', { exp: undefined }],
    ['does not say when it was issued', { iat: undefined }],
    ['is of another issuer', { iss: 'another' }],
    ['is of no issuer', { iss: undefined }],
    ['is for another audience', { aud: 'another' }],
    ['is for nobody', { aud: undefined }],
    ['is about nobody', { sub: undefined }],
    ['has a role that there is not', { role: 'owner' }],
    ['has the role of services', { role: 'service' }],
    ['has no role', { role: undefined }],
    ['is of no session', { sid: undefined }],
  ])('that %s', async (_, payload) => {
    await expect(read(await signed(payload))).rejects.toMatchObject(REFUSED);
  });

  test('of another type, or with a key that is not known', async () => {
    await expect(read(await signed({}, { typ: 'JWT' }))).rejects.toMatchObject(REFUSED);
    await expect(read(await signed({}, { kid: 'another' }))).rejects.toMatchObject(REFUSED);
    await expect(read(await signed({}, { kid: undefined }))).rejects.toMatchObject(REFUSED);
  });

  test('that somebody else has signed, in whatever way', async () => {
    const token = await signed({});
    const [head = '', body = '', signature = ''] = token.split('.');
    const kid = (await keysOf().current()).kid;
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as JWTPayload;
    const asAdmin = encode({ ...claims, role: 'admin' });
    const [published] = await keysOf().published();
    const hsHead = encode({ alg: 'HS256', typ: 'at+jwt', kid });
    const hmac = createHmac('sha256', Buffer.from(published!.x, 'base64url'));
    const { privateKey } = generateKeyPairSync('ed25519');
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid })
      .sign(privateKey);
    const bad = [
      forged,
      `${head}.${asAdmin}.${signature}`,
      `${head}.${body}.`,
      `${head}.${body}.${'A'.repeat(86)}`,
      `${encode({ alg: 'none', typ: 'at+jwt', kid })}.${body}.`,
      `${encode({ alg: 'none', typ: 'at+jwt', kid })}.${body}.${signature}`,
      `${hsHead}.${body}.${hmac.update(`${hsHead}.${body}`).digest('base64url')}`,
      `${encode({ alg: 'EdDSA', typ: 'at+jwt', kid, crit: ['b64'], b64: false })}.${body}.${signature}`,
      '',
      'a.b.c',
      'a.b',
      '\u0000.\u0000.\u0000',
      token + token,
    ];
    for (const each of bad) await expect(read(each)).rejects.toMatchObject(REFUSED);
  });

  test('but not by a clock that is half a minute off', async () => {
    await expect(read(await signed({ iat: now() + 25, exp: now() + 625 }))).resolves.toMatchObject(CLAIMS);
    await expect(read(await signed({ iat: now() - 620, exp: now() - 20 }))).resolves.toMatchObject(CLAIMS);
  });
});

describe('rotation', () => {
  test('loses no token while processes sign and verify all the time', async () => {
    const [a, b] = [keysOf(), keysOf()];
    // Else the first rotation may come before there is a key.
    await a.current();
    let refused = 0;
    const signedBy = new Set<string>();
    let isOver = false;
    const load = Promise.all(
      Array.from({ length: 4 }, async (_, n) => {
        while (!isOver) {
          const token = await issueAccessToken(n % 2 ? a : keysOf(), NAMES, CLAIMS);
          signedBy.add(String(decodeProtectedHeader(token).kid));
          await read(token, n % 2 ? b : a).catch(() => refused++);
        }
      }),
    );
    const kids: string[] = [];
    for (let n = 0; n < 3; n++) {
      kids.push(await rotateSigningKeys(shop.db, SECRET, { isLeaked: false, actor: 'test' }));
      // The load has gone on with it.
      await issueAccessToken(keysOf(), NAMES, CLAIMS).then((token) => read(token, b));
    }
    isOver = true;
    await load;
    expect(refused).toBe(0);
    expect(await keysOf().published()).toHaveLength(4);
    expect(signedBy.size).toBeGreaterThan(1);
    expect((await keysOf().current()).kid).toBe(kids.at(-1));
  });

  test('a retired key is known until its last token has ended, and no longer', async () => {
    const token = await issueAccessToken(keysOf(), NAMES, CLAIMS);
    await rotateSigningKeys(shop.db, SECRET, { isLeaked: false, actor: 'test' });
    const retired = (seconds: number) =>
      shop.db.pool.query(
        'update signing_keys set retired_at = clock_timestamp() - make_interval(secs => $1) where retired_at is not null',
        [seconds],
      );
    await retired(660);
    await expect(read(token)).resolves.toMatchObject(CLAIMS);
    await retired(800);
    await expect(read(token)).rejects.toMatchObject(REFUSED);
    expect(await keysOf().published()).toHaveLength(1);
  });

  test('of a key that has leaked refuses its tokens', async () => {
    const token = await issueAccessToken(keysOf(), NAMES, CLAIMS);
    await rotateSigningKeys(shop.db, SECRET, { isLeaked: true, actor: 'test' });
    await expect(read(token)).rejects.toMatchObject(REFUSED);
  });

  test('twice at once makes one key after the other, or refuses one', async () => {
    await keysOf().current();
    const outcomes = await Promise.allSettled(
      [1, 2, 3].map(() => rotateSigningKeys(shop.db, SECRET, { isLeaked: false, actor: 'test' })),
    );
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'ROTATED_MEANWHILE' });
    const { rows } = await shop.db.pool.query<{ count: number }>(
      'select count(*) from signing_keys where retired_at is null',
    );
    expect(rows[0]!.count).toBe(1);
  });
});

test('without the secret nobody signs in, and tokens are still read; another secret opens nothing', async () => {
  const token = await issueAccessToken(keysOf(), NAMES, CLAIMS);
  const notSetUp = { code: 'SIGN_IN_NOT_SET_UP' };
  const none = createSigningKeys({ db: shop.db, secret: undefined });
  await expect(issueAccessToken(none, NAMES, CLAIMS)).rejects.toMatchObject(notSetUp);
  await expect(read(token, none)).resolves.toMatchObject(CLAIMS);
  await expect(issueAccessToken(keysOf(randomBytes(32)), NAMES, CLAIMS)).rejects.toMatchObject(notSetUp);
});

test('the private key is nowhere in the database as it is', async () => {
  const { key } = await keysOf().current();
  const seed = String(key.export({ format: 'jwk' }).d);
  const { rows } = await shop.db.pool.query<{ found: boolean }>(
    'select bool_or(position($1 in private_sealed) > 0 or public_key::text like $2) as found from signing_keys',
    [Buffer.from(seed, 'base64url'), `%${seed}%`],
  );
  expect(rows[0]!.found).toBe(false);
});

describe('a token that was read before', () => {
  afterEach(() => jest.restoreAllMocks());

  test('is not verified again, and ends when it says', async () => {
    const { kid, key } = await keysOf().current();
    const another = generateKeyPairSync('ed25519').publicKey;
    const verifying = jest.fn().mockResolvedValueOnce(createPublicKey(key)).mockResolvedValue(another);
    const reader = createAccessTokenReader({ ...keysOf(), verifying }, NAMES);
    const token = await issueAccessToken(keysOf(), NAMES, CLAIMS);
    await expect(reader.read(token)).resolves.toMatchObject(CLAIMS);
    // By this key it would be refused.
    await expect(reader.read(token)).resolves.toMatchObject(CLAIMS);
    expect(verifying).toHaveBeenLastCalledWith(kid);
    const issuedAt = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(issuedAt + 620_000);
    await expect(reader.read(token)).resolves.toMatchObject(CLAIMS);
    jest.spyOn(Date, 'now').mockReturnValue(issuedAt + 631_000);
    await expect(reader.read(token)).rejects.toMatchObject(REFUSED);
  });

  test('is refused once its key was withdrawn', async () => {
    const keys = keysOf();
    const reader = createAccessTokenReader(keys, NAMES);
    const token = await issueAccessToken(keys, NAMES, CLAIMS);
    await expect(reader.read(token)).resolves.toMatchObject(CLAIMS);
    await rotateSigningKeys(shop.db, SECRET, { isLeaked: true, actor: 'test' });
    // The process reads the keys again after half a minute.
    const later = performance.now() + 30_001;
    jest.spyOn(performance, 'now').mockReturnValue(later);
    await expect(reader.read(token)).rejects.toMatchObject(REFUSED);
  });

  test('does not make one that is like it good', async () => {
    const reader = createAccessTokenReader(keysOf(), NAMES);
    const token = await issueAccessToken(keysOf(), NAMES, CLAIMS);
    await expect(reader.read(token)).resolves.toMatchObject(CLAIMS);
    const [head, body] = token.split('.');
    await expect(reader.read(`${head}.${body}.${'A'.repeat(86)}`)).rejects.toMatchObject(REFUSED);
  });
});

test('tokens with keys that nobody knows do not make a statement each', async () => {
  let statements = 0;
  const counting = {
    ...shop.db,
    query: (statement: Parameters<typeof shop.db.query>[0]) => {
      statements += 1;
      return shop.db.query(statement);
    },
  };
  const keys = createSigningKeys({ db: counting, secret: SECRET });
  const token = await issueAccessToken(keys, NAMES, CLAIMS);
  const before = statements;
  const header = Buffer.from(JSON.stringify({ alg: 'EdDSA', typ: 'at+jwt', kid: 'x' })).toString('base64url');
  const forged = `${header}.${token.split('.').slice(1).join('.')}`;
  await Promise.all(
    Array.from({ length: 200 }, () => expect(read(forged, keys)).rejects.toMatchObject(REFUSED)),
  );
  expect(statements - before).toBe(1);
});
