import type { RawData, WebSocket } from 'ws';
import type { Principal } from '../../domain/identity/types';
import { createAutoResetEvent, type AutoResetEvent } from '../../platform/auto-reset-event';
import { isAppError } from '../../platform/errors';
import type { Logger } from '../../platform/telemetry/log';
import { expectSignedInStill, type AccessControl } from '../http/access';
import type { createOccasionalLog } from '../http/occasional-log';
import { invalid, problem, toProblem } from '../http/problems';
import { clientMessage, type ClientMessage, type ServerMessage } from '../schemas/sockets';
import { follow, type FollowedMessage, type FollowedPage } from '../streams/follow-by-position';
import { STUCK_MS } from '../streams/slow-clients';
import { readFirst, topicName, topicNamed, type Topic, type Topics } from '../streams/topics';
import { createOutgoing } from './outgoing';
import { createTokenBucket } from './token-bucket';
import { CLOSE_CODES, type SocketEnd, type SocketMetrics } from './types';

/** Topics that one connection follows at once. */
const TOPICS_PER_SOCKET = 50;
/** The server sends something at least so often. */
const HEARTBEAT_SECONDS = 25;
/** Messages of a client; one that opens its page subscribes to all topics at once. */
const MESSAGES = { burst: 2 * TOPICS_PER_SOCKET, perSecond: 20 };
/** Answers to what a client sends, which wait until it takes them. News wait for the client, and are read when it has taken those before. */
const MAX_REPLY_BYTES = 1_048_576;
/** A sign-in that has ended is noticed within so long. */
const SIGN_IN_CHECK_MS = 10_000;
/** A position is told where nothing else was for so long. */
const TELL_POSITION_MS = 30_000;
/** After a read that failed. */
const RETRY_MS = 1_000;

export interface SessionParts {
  access: Pick<AccessControl, 'resume' | 'isOwned'>;
  topics: Topics;
  log: Logger;
  /** Of what fails for many connections at once. */
  warn: ReturnType<typeof createOccasionalLog>;
  metrics: SocketMetrics;
}

/** One connection of somebody who has signed in. */
export interface Session {
  /** Looks after the connection: to be called every second or so. */
  tick(now: number): void;
  /** Tells the client to connect elsewhere. */
  stop(): void;
}

interface Subscription {
  topic: Topic;
  stop: AbortController;
  change: AutoResetEvent;
}

/** Up to where the client knows a topic, and since when, milliseconds of `performance.now()`. */
interface Told {
  position: number | undefined;
  at: number;
}

/** Serves a connection until it ends. */
export function openSession(
  parts: SessionParts,
  { socket, principal }: { socket: WebSocket; principal: Principal },
): Session {
  const { access, topics, log, warn, metrics } = parts;
  const subscriptions = new Map<string, Subscription>();
  const mayDo = createTokenBucket(MESSAGES);
  const outgoing = createOutgoing(socket, {
    maxReplyBytes: MAX_REPLY_BYTES,
    onTooMuch: () => {
      drop('slow');
    },
    // A ping waits behind what it takes.
    onProgress: () => {
      isAlive = true;
    },
  });
  let end: SocketEnd = 'left';
  let isAlive = true;
  let pingedAt = performance.now();
  let checkedAt = performance.now();
  let checking = false;

  const tell = (message: ServerMessage) => {
    outgoing.reply(JSON.stringify(message));
  };

  function close(how: keyof typeof CLOSE_CODES, reason: string): void {
    if (socket.readyState !== socket.OPEN) return;
    end = how;
    stopFollowing();
    socket.close(CLOSE_CODES[how], reason);
  }

  /** Without a word: it would wait behind what the client does not take. */
  function drop(how: SocketEnd): void {
    if (socket.readyState === socket.CLOSED) return;
    end = how;
    socket.terminate();
  }

  function stopFollowing(): void {
    for (const { stop } of subscriptions.values()) stop.abort();
  }

  function tellRefusal(error: unknown, topic?: string): void {
    const { code, title, status, detail, errors, oldest, newest } = toProblem(error, '');
    // Members that are undefined are left out.
    tell({ type: 'error', topic, code, title, status, detail, errors, oldest, newest });
  }

  function receive(data: RawData, isBinary: boolean): void {
    if (socket.readyState !== socket.OPEN) return;
    // One buffer, unless `binaryType` says otherwise.
    if (isBinary || !Buffer.isBuffer(data)) {
      close('not_text', 'Send text.');
      return;
    }
    if (!mayDo()) {
      close('too_fast', `At most ${MESSAGES.perSecond} messages a second.`);
      return;
    }
    try {
      const message = parsed(data.toString());
      if (message.type === 'ping') tell({ type: 'pong' });
      else if (message.type === 'subscribe') subscribe(message);
      else unsubscribe(message.topic);
    } catch (error) {
      tellRefusal(error);
    }
  }

  function subscribe({ topic: given, after }: Extract<ClientMessage, { type: 'subscribe' }>): void {
    const topic = topicNamed(given);
    const name = topicName(topic);
    if (subscriptions.has(name)) throw invalid([{ path: 'topic', message: 'is followed already' }]);
    if (subscriptions.size >= TOPICS_PER_SOCKET) {
      const detail = `A connection follows ${TOPICS_PER_SOCKET} topics at most.`;
      tellRefusal(problem('TOO_MANY_STREAMS', detail), name);
      return;
    }
    const stop = new AbortController();
    const change = createAutoResetEvent();
    stop.signal.addEventListener('abort', () => {
      change.set();
    });
    const subscription = { topic, stop, change };
    subscriptions.set(name, subscription);
    void followTopic(name, subscription, after).finally(() => {
      if (subscriptions.get(name) === subscription) subscriptions.delete(name);
    });
  }

  function unsubscribe(given: string): void {
    const name = topicName(topicNamed(given));
    const subscription = subscriptions.get(name);
    subscription?.stop.abort();
    subscriptions.delete(name);
    tell({ type: 'unsubscribed', topic: name, reason: 'asked' });
  }

  /** Until it is to stop, has ended, or may not be followed. A database that is away is waited for. */
  async function followTopic(
    name: string,
    { topic, stop, change }: Subscription,
    from: number | undefined,
  ): Promise<void> {
    const { signal } = stop;
    const isStopped = () => signal.aborted;
    const followed = topics.open(topic, principal);
    const unwatch = followed.watch(() => {
      change.set();
    });
    const told: Told = { position: from, at: performance.now() };
    let isSubscribed = false;
    try {
      while (!isStopped()) {
        try {
          await topics.expectMayFollow(topic, principal);
          const first = await readFirst(followed, topic, told.position);
          if (first.messages.length === 0) told.position = first.after;
          if (!isSubscribed) tell({ type: 'subscribed', topic: name, position: told.position ?? null });
          isSubscribed = true;
          await follow(followed, first, {
            change,
            stop: signal,
            deliver: (page, isLive) => deliver(name, { page, isLive, told, isStopped }),
          });
          if (!isStopped()) tell({ type: 'unsubscribed', topic: name, reason: 'ended' });
          return;
        } catch (error) {
          if (isAppError(error)) {
            if (!isStopped()) tellRefusal(error, name);
            return;
          }
          metrics.readFailed(topic.kind);
          warn(topic.kind, { err: error, topic: topic.kind }, 'a topic could not be read; it is tried again');
          await change.wait(RETRY_MS);
        }
      }
    } finally {
      unwatch();
    }
  }

  async function deliver(
    topic: string,
    {
      page,
      isLive,
      told,
      isStopped,
    }: { page: FollowedPage; isLive: boolean; told: Told; isStopped: () => boolean },
  ): Promise<void> {
    if (isStopped()) return;
    const now = performance.now();
    const isNews = page.messages.length > 0;
    const isPositionDue = page.after !== told.position && now - told.at > TELL_POSITION_MS;
    told.position = page.after;
    if (!isNews && !isPositionDue) return;
    told.at = now;
    if (!isNews) {
      tell({ type: 'position', topic, position: page.after });
      return;
    }
    for (const message of page.messages) {
      await outgoing.send(asText(topic, message));
      if (isStopped()) return;
      if (isLive && message.at !== undefined) metrics.lag((Date.now() - message.at) / 1_000);
    }
  }

  async function checkSignIn(): Promise<void> {
    try {
      await expectSignedInStill(access, principal);
      for (const [name, { topic, stop }] of subscriptions) {
        try {
          await topics.expectMayFollow(topic, principal);
        } catch (error) {
          if (!isAppError(error)) throw error;
          stop.abort();
          tellRefusal(error, name);
        }
      }
    } catch (error) {
      if (isAppError(error)) close('signed_out', 'The sign-in has ended.');
      // While the database is away nothing is read that could be told.
      else {
        metrics.readFailed('sign_in');
        warn('sign_in', { err: error }, 'a sign-in could not be looked up; it is tried again');
      }
    }
  }

  socket.on('message', receive);
  // Answered by `ws` before anybody is asked: of too many the connection goes without a word.
  socket.on('ping', () => {
    if (!mayDo()) drop('too_fast');
  });
  socket.on('pong', () => {
    isAlive = true;
    if (!mayDo()) drop('too_fast');
  });
  // What breaks the protocol ends the connection by itself.
  socket.on('error', (error) => {
    end = 'broken';
    log.debug({ err: error }, 'a WebSocket broke the protocol, or its connection broke');
  });
  socket.once('close', () => {
    stopFollowing();
    metrics.ended(end);
  });
  metrics.began();
  tell({ type: 'welcome', heartbeatSeconds: HEARTBEAT_SECONDS, topics: TOPICS_PER_SOCKET });

  return {
    tick(now) {
      const { stuckSince } = outgoing;
      if (stuckSince !== null && now - stuckSince > STUCK_MS) drop('slow');
      else if (now - pingedAt > HEARTBEAT_SECONDS * 1_000) {
        if (!isAlive) {
          drop('silent');
          return;
        }
        isAlive = false;
        pingedAt = now;
        socket.ping();
        tell({ type: 'heartbeat' });
      }
      if (now - checkedAt <= SIGN_IN_CHECK_MS || checking) return;
      checking = true;
      void checkSignIn().finally(() => {
        checking = false;
        checkedAt = performance.now();
      });
    },
    stop() {
      close('stopping', 'Connect again.');
    },
  };
}

/** Put together as text: `data` is JSON already. */
function asText(topic: string, { position, event, data }: FollowedMessage): string {
  const about = `"topic":${JSON.stringify(topic)},"position":${position},"event":${JSON.stringify(event)}`;
  return `{"type":"message",${about},"data":${data}}`;
}

function parsed(text: string): ClientMessage {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw problem('MALFORMED_JSON', 'The message is not valid JSON.');
  }
  const message = clientMessage.safeParse(json);
  if (message.success) return message.data;
  throw invalid(
    message.error.issues.map(({ path, message: said }) => ({ path: path.join('.'), message: said })),
  );
}
