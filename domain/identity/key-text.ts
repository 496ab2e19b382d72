import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyKind } from './types';

const PREFIXES: Readonly<Record<KeyKind, string>> = { live: 'hf_live', publishable: 'hf_pub' };
const KEY =
  /^hf_(live|pub)_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;
const SECRET_BYTES = 32;

/** A key as its holder has it, and what is kept of it. */
export interface NewKeyText {
  /** `hf_live_<id>_<secret>` or `hf_pub_<id>_<secret>`. */
  text: string;
  secretHash: Buffer;
}

/** A new key of this id: its secret are 256 random bits. */
export function newKeyText(kind: KeyKind, id: string): NewKeyText {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { text: `${PREFIXES[kind]}_${id.replaceAll('-', '')}_${secret}`, secretHash: hashOf(secret) };
}

/** The parts of a key; undefined: the text is none. */
export function parseKeyText(text: string): { kind: KeyKind; id: string; secretHash: Buffer } | undefined {
  const [, kind, a, b, c, d, e, secret] = KEY.exec(text) ?? [];
  if (secret === undefined) return undefined;
  return {
    kind: kind === 'pub' ? 'publishable' : 'live',
    id: [a, b, c, d, e].join('-'),
    secretHash: hashOf(secret),
  };
}

/** Takes as long whether or where they differ. */
export function isSameHash(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
