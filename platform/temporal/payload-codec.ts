import { hkdfSync, randomBytes } from 'node:crypto';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import { temporal } from '@temporalio/proto';
import { payloadKeysOf, type PayloadKey, type Settings } from '../config';
import { AppError } from '../errors';
import { seal, unseal } from '../seal';

/** Names of the metadata, as Temporal's own examples of codecs have them. */
const ENCODING = 'encoding';
const KEY_ID = 'encryption-key-id';
const ENCRYPTED = 'binary/encrypted';

const SALT_BYTES = 32;
/** Processes of which this one keeps the derived key: of each there is one salt for each key. */
const DERIVED_KEYS = 1_000;

/** That a payload is encrypted under a key that is not set, or cannot be opened with it. */
export const PAYLOAD_NOT_READABLE = 'PAYLOAD_NOT_READABLE';

/**
 * Encrypts what workflows are given, send and return (AES-256-GCM) under the first key, and decrypts by the key that a payload names. What
 * is not encrypted is read as it is, so that histories from before there were keys go on. Without keys nothing is encrypted.
 *
 * A process encrypts under a key of its own, which it derives from the first key and a random salt (HKDF with SHA-256) that is written
 * beside the payload: the random initialisation vectors of GCM are then far from repeating, however many payloads an installation
 * writes under one key.
 *
 * Decoding throws AppError `PAYLOAD_NOT_READABLE`, with the key's id and without anything of the payload.
 */
export function createPayloadCodec(keys: readonly PayloadKey[]): PayloadCodec {
  const derived = new DerivedKeys(keys);
  const [current] = keys;
  const salt = randomBytes(SALT_BYTES);

  return {
    encode: (payloads) =>
      Promise.resolve(current ? payloads.map((payload) => encrypt(payload, current.id)) : payloads),
    // Asynchronous, so that what it throws rejects.
    // eslint-disable-next-line @typescript-eslint/require-await
    decode: async (payloads) =>
      payloads.map((payload) => (isEncrypted(payload) ? decrypt(payload) : payload)),
  };

  function encrypt(payload: Payload, id: string): Payload {
    const plain = Buffer.from(temporal.api.common.v1.Payload.encode(payload).finish());
    return {
      metadata: { [ENCODING]: Buffer.from(ENCRYPTED), [KEY_ID]: Buffer.from(id) },
      data: Buffer.concat([salt, seal(derived.of(id, salt), plain, contextOf(id))]),
    };
  }

  function decrypt({ metadata, data }: Payload): Payload {
    const id = textOf(metadata?.[KEY_ID]);
    const sealed = Buffer.from(data ?? []);
    const key = derived.of(id, sealed.subarray(0, SALT_BYTES));
    let plain: Buffer;
    try {
      plain = unseal(key, sealed.subarray(SALT_BYTES), contextOf(id));
    } catch (cause) {
      throw notReadable(id, 'that key does not open it, or it was changed', cause);
    }
    return temporal.api.common.v1.Payload.decode(plain);
  }
}

/** The converter of failures, as a path: workers and bundles load it by that. */
export const FAILURE_CONVERTER = require.resolve('./failure-converter');

/**
 * How clients and workers convert what they send to Temporal. All of an installation need the same keys. Without keys what activities fail
 * with stays a plain text.
 */
export function dataConverterOf(settings: Pick<Settings, 'PAYLOAD_KEYS'>): DataConverter {
  const keys = payloadKeysOf(settings);
  return {
    payloadCodecs: [createPayloadCodec(keys)],
    ...(keys.length > 0 ? { failureConverterPath: FAILURE_CONVERTER } : {}),
  };
}

class DerivedKeys {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #derived = new Map<string, Buffer>();

  constructor(keys: readonly PayloadKey[]) {
    this.#keys = new Map(keys.map(({ id, key }) => [id, key]));
  }

  /** @throws AppError `PAYLOAD_NOT_READABLE` where there is no key with this id */
  of(id: string, salt: Buffer): Buffer {
    const key = this.#keys.get(id);
    if (!key) throw notReadable(id, 'PAYLOAD_KEYS does not have it');
    const name = `${id} ${salt.toString('base64')}`;
    const known = this.#derived.get(name);
    if (known) return known;
    const made = Buffer.from(hkdfSync('sha256', key, salt, contextOf(id), 32));
    const [oldest] = this.#derived.keys();
    if (oldest !== undefined && this.#derived.size >= DERIVED_KEYS) this.#derived.delete(oldest);
    this.#derived.set(name, made);
    return made;
  }
}

function isEncrypted({ metadata }: Payload): boolean {
  return textOf(metadata?.[ENCODING]) === ENCRYPTED;
}

function textOf(bytes: Uint8Array | null | undefined): string {
  return Buffer.from(bytes ?? []).toString();
}

function contextOf(keyId: string): string {
  return `holdfast payload ${keyId}`;
}

function notReadable(keyId: string, why: string, cause?: unknown): AppError {
  return new AppError(
    PAYLOAD_NOT_READABLE,
    `A payload of a workflow is encrypted under the key '${keyId}': ${why}.`,
    { keyId },
    { cause },
  );
}
