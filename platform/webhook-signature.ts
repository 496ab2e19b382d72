import { createHmac, timingSafeEqual } from 'node:crypto';

/*
 * Signatures of the Standard Webhooks specification (https://www.standardwebhooks.com): HMAC-SHA256 in base64 over
 * `id.timestamp.body`, with the bytes of the body as they were sent.
 */

const PREFIX = 'whsec_';
/** Bytes of a secret, by the specification. */
const SECRET_BYTES = { min: 24, max: 64 };
const TOLERANCE_SECONDS = 300;
/** A header with more signatures than this is not looked at further. */
const SIGNATURES_LOOKED_AT = 10;

/** The headers, whose names are the same for a sender and a receiver. */
export interface SignatureHeaders {
  'webhook-id': string;
  /** Unix time in seconds. */
  'webhook-timestamp': string;
  /** One signature for each secret, separated by spaces: `v1,<base64>`. */
  'webhook-signature': string;
}

export type SignatureVerdict =
  | 'valid'
  /** One of the three headers is not there. */
  | 'missing'
  /** Signed by none of the secrets, or a header is malformed. */
  | 'invalid'
  /** Signed by one of the secrets, more than five minutes ago or ahead. */
  | 'expired';

/** Whether a text is a secret: `whsec_` and the base64 of 24 to 64 bytes. */
export function isWebhookSecret(text: string): boolean {
  if (!text.startsWith(PREFIX)) return false;
  const bytes = keyOf(text);
  const isBase64 =
    bytes.toString('base64').replace(/=+$/, '') === text.slice(PREFIX.length).replace(/=+$/, '');
  return isBase64 && bytes.length >= SECRET_BYTES.min && bytes.length <= SECRET_BYTES.max;
}

/** A secret of these bytes. */
export function webhookSecretOf(bytes: Buffer): string {
  return PREFIX + bytes.toString('base64');
}

/** The headers of a message that is sent now, signed with each of the secrets. At least one is given. */
export function signWebhook(
  secrets: readonly string[],
  message: { id: string; body: string; now?: Date },
): SignatureHeaders {
  const timestamp = String(Math.floor((message.now ?? new Date()).getTime() / 1_000));
  const signatures = secrets.map(
    (secret) => `v1,${digest(secret, message.id, timestamp, Buffer.from(message.body)).toString('base64')}`,
  );
  return {
    'webhook-id': message.id,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
  };
}

/**
 * Verifies a message that was received. Any of the secrets may have signed it, so that a secret can be changed while both
 * are in use. A message that is sent again within the five minutes is valid again: its receiver has to know what it has taken.
 */
export function verifyWebhook(
  secrets: readonly string[],
  message: { headers: Partial<SignatureHeaders>; body: Buffer; now?: Date },
): SignatureVerdict {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': given } = message.headers;
  if (!id || !timestamp || !given) return 'missing';
  if (!/^\d{1,12}$/.test(timestamp)) return 'invalid';
  const signatures = given
    .split(' ', SIGNATURES_LOOKED_AT)
    .filter((signature) => signature.startsWith('v1,'))
    .map((signature) => Buffer.from(signature.slice('v1,'.length), 'base64'));
  const isSigned = secrets.some((secret) => {
    const expected = digest(secret, id, timestamp, message.body);
    return signatures.some(
      (signature) => signature.length === expected.length && timingSafeEqual(signature, expected),
    );
  });
  if (!isSigned) return 'invalid';
  const now = (message.now ?? new Date()).getTime() / 1_000;
  return Math.abs(now - Number(timestamp)) <= TOLERANCE_SECONDS ? 'valid' : 'expired';
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(PREFIX.length), 'base64');
}

function digest(secret: string, id: string, timestamp: string, body: Buffer): Buffer {
  return createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(body).digest();
}
