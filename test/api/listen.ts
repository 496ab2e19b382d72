import { ADMIN_KEY } from '../support/access-keys';

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
  { api }: { api: { url: string } },
  path: string,
  options: {
    lastEventId?: number | string | undefined;
    /** That of an admin unless given. */
    key?: string;
    /** Of a person, instead of a key. */
    accessToken?: string;
  } = {},
): Promise<Stream> {
  const { lastEventId, key = ADMIN_KEY, accessToken } = options;
  const leaving = new AbortController();
  const response = await fetch(`${api.url}/api/v1${path}`, {
    headers: {
      ...(accessToken === undefined ? { 'x-api-key': key } : { authorization: `Bearer ${accessToken}` }),
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
