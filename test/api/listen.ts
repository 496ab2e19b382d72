import { ADMIN_KEY } from '../support/access-keys';
import type { TestApi } from './support';

/** A stream of server-sent events, as far as it has come. */
export interface Stream {
  status: number;
  /** Ids of the messages. */
  ids(): number[];
  text(): string;
  ended: Promise<void>;
  leave(): void;
}

/** @param path under `/api/v1` */
export async function listen(
  { api }: Pick<TestApi, 'api'>,
  path: string,
  { lastEventId, key = ADMIN_KEY }: { lastEventId?: number | string | undefined; key?: string } = {},
): Promise<Stream> {
  const leaving = new AbortController();
  const response = await fetch(`${api.url}/api/v1${path}`, {
    headers: {
      'x-api-key': key,
      accept: 'text/event-stream',
      ...(lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }),
    },
    signal: leaving.signal,
  });
  let text = '';
  const decoder = new TextDecoder();
  const ended = (async () => {
    for await (const chunk of response.body ?? [])
      text += decoder.decode(chunk as Uint8Array, { stream: true });
  })().catch(() => undefined);
  return {
    status: response.status,
    ids: () => [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1])),
    text: () => text,
    ended,
    leave: () => leaving.abort(),
  };
}
