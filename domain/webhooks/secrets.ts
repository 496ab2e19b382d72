import { hkdfSync, randomBytes } from 'node:crypto';
import type { PayloadKey } from '../../platform/config';
import { AppError } from '../../platform/errors';
import { seal, unseal } from '../../platform/seal';
import { webhookSecretOf } from '../../platform/webhook-signature';

const SECRET_BYTES = 32;
const PURPOSE = 'holdfast webhook secrets';

/** Keeps the secrets of webhooks: in the database they are encrypted, each for its webhook alone. */
export interface WebhookSecrets {
  /** A new secret, and how it is kept. @throws AppError `WEBHOOKS_NOT_SET_UP` where no key is set */
  make(webhookId: string): { secret: string; sealed: Buffer };
  /** @throws AppError `WEBHOOKS_NOT_SET_UP` where the key that it is kept under is not set any more, or is another one */
  open(webhookId: string, sealed: Buffer): string;
}

/**
 * @param keys `PAYLOAD_KEYS`: the first encrypts, all decrypt. Not by themselves: a key for this purpose is derived of each (HKDF with
 *   SHA-256)
 */
export function createWebhookSecrets(keys: readonly PayloadKey[]): WebhookSecrets {
  const derived = new Map(
    keys.map(({ id, key }) => [
      id,
      Buffer.from(hkdfSync('sha256', key, '', `${PURPOSE} ${id}`, SECRET_BYTES)),
    ]),
  );
  const [current] = keys;
  return {
    make(webhookId) {
      const key = current && derived.get(current.id);
      if (!key) throw notSetUp('PAYLOAD_KEYS is not set.');
      const secret = webhookSecretOf(randomBytes(SECRET_BYTES));
      const id = Buffer.from(current.id);
      const sealed = seal(key, Buffer.from(secret), `${PURPOSE} ${webhookId}`);
      return { secret, sealed: Buffer.concat([Buffer.of(id.length), id, sealed]) };
    },
    open(webhookId, sealed) {
      const length = sealed[0] ?? 0;
      const id = sealed.subarray(1, 1 + length).toString();
      const key = derived.get(id);
      if (!key) throw notSetUp(`PAYLOAD_KEYS has no key '${id}'.`);
      try {
        return unseal(key, sealed.subarray(1 + length), `${PURPOSE} ${webhookId}`).toString();
      } catch {
        throw notSetUp(`PAYLOAD_KEYS has another key '${id}' than the one that they were encrypted under.`);
      }
    },
  };
}

function notSetUp(why: string): AppError {
  return new AppError('WEBHOOKS_NOT_SET_UP', `Secrets of webhooks cannot be kept: ${why}`);
}
