import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { historyFile, isFrozen, PRESENT_EDITION } from './editions';
import type { Path } from './paths';

/**
 * Keeps the history of a workflow that has walked a path, for the replay test, in the folder of the present edition. Only
 * with RECORD_HISTORIES=1, and never into a frozen edition: histories are what workers of the past have left behind.
 */
export async function keepHistory(handle: WorkflowHandle, path: Path): Promise<void> {
  if (process.env.RECORD_HISTORIES !== '1') return;
  const file = historyFile(PRESENT_EDITION, path);
  if (await isFrozen(dirname(file)))
    throw new Error(
      `The histories of ${PRESENT_EDITION} are frozen: raise the version in package.json first.`,
    );
  const { payloadCodecs } = handle.client.options.loadedDataConverter;
  const history = await decoded(JSON.parse(historyToJSON(await handle.fetchHistory())), payloadCodecs);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${JSON.stringify(history, withoutPlaces, 1)}\n`);
}

/** A payload in the JSON of a history: all bytes are base64. */
interface JsonPayload {
  metadata: Readonly<Record<string, string>>;
  data?: string;
}

const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** With payloads as they are without encryption: whoever replays a history has no keys. */
async function decoded(value: unknown, codecs: readonly PayloadCodec[]): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((each) => decoded(each, codecs)));
  if (typeof value !== 'object' || value === null) return value;
  if ('metadata' in value && 'data' in value) return decodedPayload(value as JsonPayload, codecs);
  const members = Object.entries(value).map(
    async ([name, each]) => [name, await decoded(each, codecs)] as const,
  );
  return Object.fromEntries(await Promise.all(members));
}

async function decodedPayload(given: JsonPayload, codecs: readonly PayloadCodec[]): Promise<JsonPayload> {
  let payloads: Payload[] = [
    {
      metadata: mapped(given.metadata, (text) => Buffer.from(text, 'base64')),
      data: Buffer.from(given.data ?? '', 'base64'),
    },
  ];
  for (const codec of codecs) payloads = await codec.decode(payloads);
  const [payload] = payloads;
  return {
    metadata: mapped(payload?.metadata ?? {}, base64Of),
    ...(payload?.data ? { data: base64Of(payload.data) } : {}),
  };
}

function mapped<From, To>(of: Readonly<Record<string, From>>, to: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(of).map(([name, value]) => [name, to(value)]));
}

/** Leaves out where it was recorded: names of machines, and paths in stack traces. Nothing of it matters to a replay. */
function withoutPlaces(key: string, value: unknown): unknown {
  if (key === 'identity') return 'recorder';
  if (key === 'stackTrace') return '';
  const sticky = typeof value === 'object' && value !== null && 'kind' in value;
  return sticky && value.kind === 'TASK_QUEUE_KIND_STICKY' ? { ...value, name: 'sticky' } : value;
}
