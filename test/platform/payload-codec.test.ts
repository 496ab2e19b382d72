import { randomBytes } from 'node:crypto';
import { ApplicationFailure, defaultPayloadConverter, type Payload } from '@temporalio/common';
import { encodeErrorToFailure, loadDataConverter } from '@temporalio/common/lib/internal-non-workflow';
import { createPayloadCodec, dataConverterOf } from '../../platform/temporal/payload-codec';
import { messagesBy } from '../../platform/temporal/workflow-task';

const [OLD, NEW] = ['old', 'new'].map((id) => ({ id, key: randomBytes(32) }));
if (!OLD || !NEW) throw new Error('two keys');

const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);
const valueOf = (payload: Payload): unknown => defaultPayloadConverter.fromPayload(payload);

async function encrypted(value: unknown, ...keys: { id: string; key: Buffer }[]): Promise<Payload> {
  const [payload] = await createPayloadCodec(keys).encode([payloadOf(value)]);
  if (!payload) throw new Error('one payload comes back for one');
  return payload;
}

const decrypted = async (payload: Payload, ...keys: { id: string; key: Buffer }[]) =>
  (await createPayloadCodec(keys).decode([payload])).map(valueOf);

test('nothing of a value is in its payload, and its key decrypts it in every process', async () => {
  const payload = await encrypted({ street: 'Elm Street 5' }, OLD);
  expect(Buffer.from(payload.data ?? []).toString('latin1')).not.toContain('Elm');
  expect(Buffer.from(payload.metadata?.['encoding'] ?? []).toString()).toBe('binary/encrypted');
  expect(await decrypted(payload, OLD)).toEqual([{ street: 'Elm Street 5' }]);
  // Each is another, also of the same value.
  expect((await encrypted({ street: 'Elm Street 5' }, OLD)).data).not.toEqual(payload.data);
});

test('after a rotation the new key encrypts, and what the old one has encrypted is read', async () => {
  const before = await encrypted('before', OLD);
  const after = await encrypted('after', NEW, OLD);
  expect(await decrypted(before, NEW, OLD)).toEqual(['before']);
  // A process that has not begun to encrypt under it yet reads it all the same.
  expect(await decrypted(after, OLD, NEW)).toEqual(['after']);
  await expect(decrypted(after, OLD)).rejects.toMatchObject({
    code: 'PAYLOAD_NOT_READABLE',
    message: expect.stringContaining("'new'") as string,
  });
});

test('what was never encrypted is read as it is, with keys and without; without keys nothing is encrypted', async () => {
  const plain = payloadOf({ plain: true });
  expect(await createPayloadCodec([OLD]).decode([plain])).toEqual([plain]);
  expect(await createPayloadCodec([]).encode([plain])).toEqual([plain]);
  await expect(decrypted(await encrypted('secret', OLD))).rejects.toMatchObject({
    code: 'PAYLOAD_NOT_READABLE',
  });
});

test('a payload that was changed, or that another key of the same name encrypted, is refused without being told', async () => {
  const payload = await encrypted('hunter2', OLD);
  const data = Buffer.from(payload.data ?? []);
  for (const at of [0, 32, 44, data.length - 1]) {
    const changed = Buffer.from(data);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await expect(decrypted({ ...payload, data: changed }, OLD)).rejects.toMatchObject({
      code: 'PAYLOAD_NOT_READABLE',
    });
  }
  await expect(decrypted({ ...payload, data: data.subarray(0, 20) }, OLD)).rejects.toMatchObject({
    code: 'PAYLOAD_NOT_READABLE',
  });
  const imposter = { id: OLD.id, key: randomBytes(32) };
  await expect(decrypted(payload, imposter)).rejects.not.toThrow('hunter2');
});

describe('a failure', () => {
  const converterOf = (...keys: { id: string; key: Buffer }[]) =>
    loadDataConverter(
      dataConverterOf({ PAYLOAD_KEYS: keys.map(({ id, key }) => `${id}=${key.toString('base64')}`) }),
    );
  const failed = ApplicationFailure.create({
    message: 'Jane Doe is not known',
    type: 'UNKNOWN',
    cause: new Error('nobody at Elm Street 5'),
  });

  test('shows neither message nor stack, its own or of its cause, where there is a key, and is read with that key', async () => {
    const stored = await encodeErrorToFailure(converterOf(OLD), failed);
    const text = JSON.stringify(stored);
    expect(['Jane', 'Elm', 'payload-codec.test'].filter((word) => text.includes(word))).toEqual([]);
    expect(stored.applicationFailureInfo?.type).toBe('UNKNOWN');
    expect(await messagesBy(converterOf(NEW, OLD))(stored)).toBe('Jane Doe is not known');
    expect(await messagesBy(converterOf(NEW))(stored)).toContain("encrypted under the key 'old'");
  });

  test('from before there was a key is read as it is, and without keys stays a plain text', async () => {
    const stored = await encodeErrorToFailure(converterOf(), failed);
    expect(stored.message).toBe('Jane Doe is not known');
    expect(await messagesBy(converterOf(OLD))(stored)).toBe('Jane Doe is not known');
    expect(await messagesBy(converterOf(OLD))(undefined)).toBeNull();
  });
});
