import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { newId } from '../../../platform/ids';
import { seal, unseal } from '../../../platform/seal';
import { recordChange } from '../../audit/record';
import { deleteRetiredKeys, insertKey, retireKeys, selectKeys, type SigningKeyRow } from './queries';
import type { PublicKey } from './types';

/** An access token is good for so long, seconds. */
export const ACCESS_TOKEN_SECONDS = 600;
/** Clocks of processes may differ by so much, seconds. */
export const CLOCK_SKEW_SECONDS = 30;
/** A process uses what it has read for so long, milliseconds: a key that was retired may sign until then. */
const CACHED_MS = 30_000;
/** Tokens with keys that nobody knows make no more than four reads a second. */
const READ_APART_MS = 250;
/** A retired key is known until the last token that it can have signed has ended, and a minute more. */
const KEPT_SECONDS = ACCESS_TOKEN_SECONDS + CACHED_MS / 1_000 + CLOCK_SKEW_SECONDS + 60;

/** A public key as JWKS shows it. */
export type PublishedKey = PublicKey & { kid: string; alg: 'EdDSA'; use: 'sig' };

/** The keys that sign access tokens, of all processes: they are in the database. */
export interface SigningKeys {
  /** The key that signs. The first one is made when it is first asked for. @throws AppError `SIGN_IN_NOT_SET_UP` */
  current(): Promise<{ kid: string; key: KeyObject }>;
  /** Undefined: no key that a good token can be signed with has this id. */
  verifying(kid: string): Promise<KeyObject | undefined>;
  published(): Promise<PublishedKey[]>;
}

interface KnownKeys {
  readAt: number;
  rows: SigningKeyRow[];
  byKid: ReadonlyMap<string, KeyObject>;
}

/** @param secret 32 bytes under which private keys are kept; undefined where none is set, so that nobody can sign in */
export function createSigningKeys({ db, secret }: { db: Database; secret: Buffer | undefined }): SigningKeys {
  let known: KnownKeys | undefined;
  let opened: { kid: string; key: KeyObject } | undefined;
  let nextRead: Promise<KnownKeys> | undefined;
  let lastReadAt = -Infinity;

  /** Reads what is there now: who comes before a read has begun shares it. */
  function read(): Promise<KnownKeys> {
    nextRead ??= delay(Math.max(0, lastReadAt + READ_APART_MS - performance.now())).then(() => {
      nextRead = undefined;
      lastReadAt = performance.now();
      return readNow();
    });
    return nextRead;
  }

  async function readNow(): Promise<KnownKeys> {
    const rows = await selectKeys(db, KEPT_SECONDS);
    const byKid = new Map(rows.map((row) => [row.kid, publicKeyOf(row.publicKey)]));
    known = { readAt: performance.now(), rows, byKid };
    return known;
  }

  async function recent(): Promise<KnownKeys> {
    return known && performance.now() - known.readAt < CACHED_MS ? known : read();
  }

  return {
    async current() {
      if (secret === undefined) throw notSetUp('SIGNING_KEYS_SECRET is not set.');
      let row = signing(await recent());
      if (!row) {
        await insertKey(db, newKey(secret));
        row = signing(await read());
      }
      if (!row) throw new Error('there is no signing key, although one was just made');
      if (opened?.kid !== row.kid) opened = { kid: row.kid, key: openKey(secret, row) };
      return opened;
    },
    async verifying(kid) {
      return (await recent()).byKid.get(kid) ?? (await read()).byKid.get(kid);
    },
    async published() {
      const { rows } = await recent();
      return rows.map(({ kid, publicKey: { kty, crv, x } }) => ({
        kty,
        crv,
        x,
        kid,
        alg: 'EdDSA',
        use: 'sig',
      }));
    },
  };
}

/**
 * Makes a new signing key. What the one before has signed stays good until it ends; `isLeaked`: it is refused within half a minute, and
 * its users refresh or sign in again.
 *
 * @returns the new key's id
 */
export async function rotateSigningKeys(
  db: Database,
  secret: Buffer,
  { isLeaked, actor }: { isLeaked: boolean; actor: string },
): Promise<string> {
  const key = newKey(secret);
  await db.retrying(async (tx) => {
    await retireKeys(tx);
    if (!(await insertKey(tx, key)))
      throw new AppError('ROTATED_MEANWHILE', 'Another command rotated the keys just now.');
    if (isLeaked) await deleteRetiredKeys(tx);
    await recordChange(tx, {
      actor,
      action: 'signing_key.rotated',
      subject: { type: 'signing_key', id: key.kid },
      after: { isLeaked },
    });
  });
  return key.kid;
}

function signing({ rows }: KnownKeys): SigningKeyRow | undefined {
  return rows.find(({ retiredAt }) => retiredAt === null);
}

function newKey(secret: Buffer): Pick<SigningKeyRow, 'kid' | 'publicKey' | 'privateSealed'> {
  const kid = newId();
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  return { kid, publicKey: { kty: 'OKP', crv: 'Ed25519', x }, privateSealed: seal(secret, der, kid) };
}

function openKey(secret: Buffer, { kid, privateSealed }: SigningKeyRow): KeyObject {
  let der: Buffer;
  try {
    der = unseal(secret, privateSealed, kid);
  } catch {
    throw notSetUp(
      'SIGNING_KEYS_SECRET is not the one that the signing key was made with; `holdfast signing-keys rotate` makes another.',
    );
  }
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function publicKeyOf({ kty, crv, x }: PublicKey): KeyObject {
  return createPublicKey({ key: { kty, crv, x }, format: 'jwk' });
}

function notSetUp(detail: string): AppError {
  return new AppError('SIGN_IN_NOT_SET_UP', detail);
}
