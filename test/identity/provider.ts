import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload, type KeyLike } from 'jose';

type Key = Awaited<ReturnType<typeof newKey>>;

async function newKey(alg: string, kid: string) {
  const pair = await generateKeyPair(alg, { extractable: true });
  return { ...pair, alg, kid, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } };
}

/** An OpenID provider on this machine. */
export interface TestProvider {
  issuer: string;
  /** How often its keys were read. */
  reads: number;
  /** What it responds with instead of its keys. */
  fault: 'away' | 'hangs up' | 'endless' | 'no keys' | 'redirects' | null;
  sign(
    claims: JWTPayload,
    as?: { key?: KeyLike | Uint8Array; alg?: string; kid?: string; expiresAt?: number },
  ): Promise<string>;
  rotate(): Promise<void>;
  close(): Promise<void>;
}

export async function startProvider(): Promise<TestProvider> {
  let key: Key = await newKey('RS256', 'one');
  const server: Server = createServer((req, res) => {
    res.setHeader('content-type', 'application/json');
    if (req.url === '/.well-known/openid-configuration')
      return void res.end(JSON.stringify({ issuer: provider.issuer, jwks_uri: `${provider.issuer}/keys` }));
    provider.reads += 1;
    switch (provider.fault) {
      case 'away':
        return void res.writeHead(503).end();
      case 'hangs up':
        return void res.destroy();
      case 'redirects':
        return void res.writeHead(302, { location: `${provider.issuer}/other` }).end();
      case 'endless': {
        const more = (): void => {
          while (res.write(' '.repeat(65_536)));
          res.once('drain', more);
        };
        more();
        return;
      }
      case 'no keys':
        return void res.end('{"keys": "none"}');
      case null:
        return void res.end(JSON.stringify({ keys: [key.jwk] }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const provider: TestProvider = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reads: 0,
    fault: null,
    sign: (claims, as = {}) =>
      new SignJWT({ iss: provider.issuer, aud: 'shop', sub: 'p-1', ...claims })
        .setProtectedHeader({ alg: as.alg ?? key.alg, kid: as.kid ?? key.kid })
        .setIssuedAt()
        .setExpirationTime(as.expiresAt ?? '5 minutes')
        .sign(as.key ?? key.privateKey),
    async rotate() {
      key = await newKey('ES256', `${key.kid}+`);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return provider;
}
