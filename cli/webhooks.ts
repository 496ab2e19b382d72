import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { eventStreamPage, streamEvent } from '../api/schemas/events';
import { bodyOf, messageId } from '../domain/webhooks/message';
import type { Settings } from '../platform/config';
import { AppError, messageOf } from '../platform/errors';
import { signWebhook, webhookSecretOf } from '../platform/webhook-signature';
import { eventData } from './event-source';
import { openJobClient, type JobClient } from './job-client';
import type { Output } from './output';

export interface ListenOptions {
  /** Where events are sent to. */
  forwardTo: string;
  /** With commas between; all unless given. */
  types?: string;
  /** A position; the newest unless given. */
  after?: string;
  /** Address of the API. */
  url?: string;
}

const SECRET_BYTES = 32;
const RECONNECT_MS = 1_000;
const FORWARD_MS = 15_000;

/**
 * Forwards events as webhooks send them, signed with a secret that it makes and prints, and prints what is answered. One that is not taken is
 * not sent again. Until `signal` is aborted; a stream that breaks off is opened again where it was.
 */
export async function listenForWebhooks(
  settings: Settings,
  options: ListenOptions,
  output: Output,
  signal?: AbortSignal,
): Promise<void> {
  const client = await openJobClient(settings, options.url);
  const types = options.types === undefined ? '' : `&types=${encodeURIComponent(options.types)}`;
  const secret = webhookSecretOf(randomBytes(SECRET_BYTES));
  let after = options.after ?? String(await newestOf(client));
  output.line(`Secret: ${secret}`);
  output.line(`Forwarding events after ${after} to ${options.forwardTo} (Ctrl-C ends it)`);
  while (!signal?.aborted) {
    try {
      const response = await client.call(`/events?after=${encodeURIComponent(after)}${types}`, {
        headers: { accept: 'text/event-stream' },
        ...(signal ? { signal } : {}),
      });
      for await (const data of eventData(response)) {
        const event = streamEvent.parse(JSON.parse(data));
        const body = bodyOf(event);
        const headers = signWebhook([secret], { id: messageId(event.position), body });
        const answer = await forward(options.forwardTo, { ...headers }, body);
        output.item(String(event.position), `${event.type} ${event.subject.id}: ${answer}`);
        after = String(event.position);
      }
    } catch (error) {
      if (signal?.aborted) return;
      // The API restarts, or a proxy has closed the stream; what is wrong with the request itself stays wrong.
      if (error instanceof AppError && error.code !== 'API_UNAVAILABLE') throw error;
    }
    await delay(RECONNECT_MS, undefined, signal ? { signal } : {}).catch(() => undefined);
  }
}

async function newestOf(client: JobClient): Promise<number> {
  return eventStreamPage.pick({ newest: true }).parse(await (await client.call('/events?limit=1')).json())
    .newest;
}

async function forward(url: string, headers: Record<string, string>, body: string): Promise<string> {
  try {
    const { status } = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(FORWARD_MS),
    });
    return String(status);
  } catch (error) {
    return messageOf(error instanceof Error && error.cause ? error.cause : error);
  }
}
