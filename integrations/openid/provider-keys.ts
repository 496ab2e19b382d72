import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { AppError } from '../../platform/errors';

const FETCH_MS = 5_000;
const MAX_BYTES = 262_144;
/** Keys are read again after this, milliseconds. */
const FRESH_MS = 600_000;
/** A provider that is away is forgiven for so long, milliseconds. */
const STALE_MS = 3_600_000;
/** Tokens with keys that nobody knows make it read no more often, milliseconds. */
const READ_APART_MS = 30_000;
/** A provider that has not responded is left alone for so long, milliseconds. */
const COOLDOWN_MS = 5_000;

const discovery = z.looseObject({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });
const keySet = z.looseObject({ keys: z.array(z.looseObject({ kty: z.string() })).max(200) });

interface Known {
  readAt: number;
  find: ReturnType<typeof createLocalJWKSet>;
}

/**
 * The public keys of an OpenID provider, kept for ten minutes. A key that is not known makes it read again, twice a minute at most. One
 * read is under way at a time, and after one that failed none begins for five seconds: whatever tokens come, a provider that is away is
 * asked no more often.
 *
 * @param jwksUrl undefined: what the provider says itself
 * @param now milliseconds, of a clock that goes on steadily
 * @returns finds the key of a token. It throws AppError `PROVIDER_UNAVAILABLE` where the provider does not respond and nothing is kept
 */
export function createProviderKeys({
  issuer,
  jwksUrl,
  now = () => performance.now(),
}: {
  issuer: string;
  jwksUrl: string | undefined;
  now?: () => number;
}): JWTVerifyGetKey {
  let known: Known | undefined;
  let reading: Promise<Known> | undefined;
  let triedAt = -Infinity;
  let failed: { at: number; error: AppError } | undefined;

  function read(): Promise<Known> {
    if (failed && now() - failed.at < COOLDOWN_MS) return Promise.reject(failed.error);
    reading ??= readOnce().finally(() => (reading = undefined));
    return reading;
  }

  async function readOnce(): Promise<Known> {
    triedAt = now();
    try {
      const { keys } = keySet.parse(await fetchJson(jwksUrl ?? (await discover(issuer))));
      known = { readAt: triedAt, find: createLocalJWKSet({ keys }) };
      failed = undefined;
      return known;
    } catch (error) {
      const told = unavailable(error);
      // Since when it is known: a read that waits for its time limit takes as long.
      failed = { at: now(), error: told };
      throw told;
    }
  }

  async function recent(): Promise<Known> {
    const age = known ? now() - known.readAt : Infinity;
    if (known && age < FRESH_MS) return known;
    const kept = age < STALE_MS ? known : undefined;
    if (kept && now() - triedAt < READ_APART_MS) return kept;
    try {
      return await read();
    } catch (error) {
      if (kept) return kept;
      throw error;
    }
  }

  return async (header, token) => {
    try {
      return await (await recent()).find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || now() - triedAt < READ_APART_MS) throw error;
      return (await read()).find(header, token);
    }
  };
}

function unavailable(cause: unknown): AppError {
  return new AppError(
    'PROVIDER_UNAVAILABLE',
    'The keys of the OpenID provider cannot be read.',
    {},
    { cause },
  );
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: string): Promise<string> {
  const found = discovery.parse(
    await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
  );
  if (found.issuer !== issuer) throw new Error(`the provider calls itself ${found.issuer}`);
  return found.jwks_uri;
}

async function fetchJson(url: string): Promise<unknown> {
  const response = await fetch(url, {
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_MS),
    headers: { accept: 'application/json' },
  });
  if (!response.ok || !response.body) throw new Error(`${url} responded with ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`${url} responded with more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}
