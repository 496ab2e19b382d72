import { createAutoResetEvent } from '../../platform/auto-reset-event';
import { createOutgoing } from '../../api/sockets/outgoing';
import { createTokenBucket } from '../../api/sockets/token-bucket';
import { follow, type Followed, type FollowedPage } from '../../api/streams/follow-by-position';
import { parseTopic, topicName } from '../../api/streams/topics';
import { createStreamSlots } from '../../api/streams/stream-slots';
import { createWatchers } from '../../api/streams/watchers';
import { waitFor } from '../support/wait';

const ID = '0197d1c1-7f3c-7c3a-9a50-0d8f1f6f1b11';

test('a topic has one name, however it is written', () => {
  const name = (text: string) => {
    const topic = parseTopic(text);
    return topic && topicName(topic);
  };
  expect(name(`orders:${ID.toUpperCase()}`)).toBe(`orders:${ID}`);
  expect(name(`jobs:${ID}`)).toBe(`jobs:${ID}`);
  expect(name('inventory: A:B ')).toBe('inventory:A:B');
  expect(name('alerts')).toBe('alerts');
  expect(name('attention')).toBe('attention');
  for (const text of [
    '',
    'orders',
    'orders:',
    'orders:1',
    'alerts:1',
    'Alerts',
    'inventory:',
    'inventory:\u0000',
    `users:${ID}`,
  ])
    expect(name(text)).toBeNull();
});

test('a client may send so many messages at first, and then so many a second', () => {
  let now = 0;
  const mayDo = createTokenBucket({ burst: 3, perSecond: 2 }, () => now);
  const taken = () => {
    let count = 0;
    while (mayDo()) count += 1;
    return count;
  };
  expect(taken()).toBe(3);
  now += 500;
  expect(taken()).toBe(1);
  now += 250;
  expect(taken()).toBe(0);
  now += 60_000;
  expect(taken()).toBe(3);
});

test('all of the public together leave places to who works here', () => {
  const told: string[] = [];
  const slots = createStreamSlots({
    perProcess: 10,
    metrics: {
      used: (by, share) => told.push(`${by} ${share}`),
      refused: (limit) => told.push(`refused: ${limit}`),
    },
  });
  const open = (id: string, isPublic: boolean) => slots.take({ id, limit: 8, isPublic });
  const free = Array.from({ length: 8 }, (_, n) => open(`address:${n % 4}`, true));
  expect(told.slice(-2)).toEqual(['all 0.8', 'public 1']);
  expect(() => open('address:5', true)).toThrow('Too many streams are open.');
  expect(told.at(-1)).toBe('refused: process');
  open('service:a', false);
  free[0]?.();
  expect(told.slice(-2)).toEqual(['all 0.8', 'public 0.875']);
  open('user:ada', true);
  open('service:a', false);
  expect(() => open('service:a', false)).toThrow('Too many streams are open.');
  expect(slots.open).toBe(10);
});

test('all who watch are woken, some at a time, and those that left are not', async () => {
  const watchers = createWatchers();
  const woken: string[] = [];
  const leave = Array.from({ length: 50 }, (_, n) =>
    watchers.watch(`${n % 2 === 0 ? 'a' : 'b'}${n}`, () => woken.push(`${n}`)),
  );
  leave[0]?.();
  expect(watchers.size).toBe(49);
  watchers.wakeAll('a');
  expect(woken).toEqual([]);
  await waitFor(() => woken.length === 24);
  watchers.wake('b1');
  watchers.wake('a0');
  expect(woken).toHaveLength(25);
  for (const each of leave) each();
  expect(watchers.size).toBe(0);
});

describe('following', () => {
  const page = (after: number, more: Partial<FollowedPage> = {}): FollowedPage => ({
    messages: [],
    after,
    atEnd: true,
    ended: false,
    ...more,
  });

  it('reads on from the last position: at once while there is more, then when it is woken, or nobody wakes it for long', async () => {
    const reads: (number | undefined)[] = [];
    const pages = [page(5, { atEnd: false }), page(7), page(7), page(9, { ended: true })];
    const change = createAutoResetEvent();
    const followed: Followed = {
      watch: () => () => undefined,
      pollMs: 20,
      read(after) {
        reads.push(after);
        return Promise.resolve(pages.shift() ?? null);
      },
    };
    const delivered: [number, boolean][] = [];
    await follow(followed, page(3), {
      change,
      stop: new AbortController().signal,
      deliver({ after }, isLive) {
        delivered.push([after, isLive]);
        return Promise.resolve();
      },
    });
    expect(reads).toEqual([3, 5, 7, 7]);
    expect(delivered.map(([after]) => after)).toEqual([3, 5, 7, 7, 9]);
    expect(delivered.at(-1)?.[1]).toBe(true);
  });

  it('reads nothing more while what was read is not taken, nor once it is to stop', async () => {
    const stop = new AbortController();
    const change = createAutoResetEvent();
    let reads = 0;
    const followed: Followed = {
      watch: () => () => undefined,
      pollMs: 60_000,
      read(after = 0) {
        reads += 1;
        return Promise.resolve(page(after + 1, { atEnd: false }));
      },
    };
    let take: () => void = () => undefined;
    const following = follow(followed, page(0, { atEnd: false }), {
      change,
      stop: stop.signal,
      deliver: () =>
        new Promise((resolve) => {
          take = resolve;
        }),
    });
    expect(reads).toBe(0);
    take();
    await waitFor(() => reads === 1);
    stop.abort();
    take();
    await following;
    expect(reads).toBe(1);
  });
});

describe('what goes out on a connection', () => {
  /** A connection of which the system has room for nothing: each piece is taken when the test says so. */
  function fullConnection() {
    const frames: { text: string; fin: boolean; take: () => void }[] = [];
    let waiting = 0;
    const socket: Parameters<typeof createOutgoing>[0] = {
      OPEN: 1,
      readyState: 1,
      get bufferedAmount() {
        return waiting;
      },
      send(data: unknown, options: unknown, done?: unknown) {
        if (!Buffer.isBuffer(data) || typeof done !== 'function') throw new Error('a piece is a buffer');
        waiting += data.length;
        frames.push({
          text: data.toString(),
          fin: (options as { fin: boolean }).fin,
          take() {
            waiting -= data.length;
            (done as () => void)();
          },
        });
      },
    };
    return { socket, frames };
  }
  const PIECE = 65_536;

  it('is handed over in pieces and in order, no more than a few at once, and each that is taken is progress', async () => {
    const { socket, frames } = fullConnection();
    let progress = 0;
    const outgoing = createOutgoing(socket, {
      maxReplyBytes: 100,
      onTooMuch: () => undefined,
      onProgress: () => (progress += 1),
    });
    let isSent = false;
    const sent = outgoing.send('a'.repeat(6 * PIECE + 1)).then(() => (isSent = true));
    outgoing.reply('b');
    expect(frames).toHaveLength(4);
    expect(outgoing.stuckSince).not.toBeNull();
    for (let n = 0; n < 7; n++) {
      await Promise.resolve();
      expect(isSent).toBe(false);
      frames[n]?.take();
    }
    await sent;
    expect(frames.map(({ text, fin }) => [text.length, fin])).toEqual([
      ...Array.from({ length: 6 }, () => [PIECE, false]),
      [1, true],
      [1, true],
    ]);
    expect(frames.at(-1)?.text).toBe('b');
    expect(progress).toBe(7);
    frames.at(-1)?.take();
    expect(outgoing.stuckSince).toBeNull();
  });

  it('that nobody waits for is bounded, however slowly it is taken; what somebody waits for does not count', () => {
    const { socket, frames } = fullConnection();
    let tooMuch = 0;
    const outgoing = createOutgoing(socket, {
      maxReplyBytes: 100,
      onTooMuch: () => (tooMuch += 1),
      onProgress: () => undefined,
    });
    void outgoing.send('a'.repeat(10 * PIECE));
    outgoing.reply('é'.repeat(25));
    outgoing.reply('b'.repeat(50));
    expect(tooMuch).toBe(0);
    outgoing.reply('c');
    expect(tooMuch).toBe(1);
    for (let n = 0; n < 12; n++) frames[n]?.take();
    outgoing.reply('d'.repeat(100));
    expect(tooMuch).toBe(1);
  });

  it('of a connection that has gone is waited for by nobody', async () => {
    const { socket, frames } = fullConnection();
    const gone = { ...socket, readyState: 3 as const };
    const options = { maxReplyBytes: 100, onTooMuch: () => undefined, onProgress: () => undefined };
    await createOutgoing(gone, options).send('a'.repeat(PIECE + 1));
    expect(frames).toEqual([]);
  });
});
