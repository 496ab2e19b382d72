import { createHash, randomBytes } from 'node:crypto';

const TOKEN_BYTES = 32;
const TOKEN = /^[\w-]{43}$/;

/** 256 random bits as text, for whoever is to prove that they have it, and what is kept of it. */
export function newToken(): { token: string; hash: Buffer } {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  return { token, hash: digestOf(token) };
}

/** What is kept of a token. So many random bits need no slow hash. Null: the text is no token. */
export function hashOfToken(token: string): Buffer | null {
  return TOKEN.test(token) ? digestOf(token) : null;
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
