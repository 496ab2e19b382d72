import type { IncomingMessage } from 'node:http';
import { uploadOf, type UploadLimits } from '../../api/http/upload';

/** Goes on only as the test says. */
const clock = { ms: 0 };
const now = () => clock.ms;

/** A request whose body comes in pieces, each after so many milliseconds of the clock. */
function slowly(
  pieces: readonly (readonly [size: number, afterMs: number])[],
): Parameters<typeof uploadOf>[0] {
  // eslint-disable-next-line @typescript-eslint/require-await -- as the body of a request is
  async function* body() {
    for (const [size, afterMs] of pieces) {
      clock.ms += afterMs;
      yield Buffer.alloc(size);
    }
  }
  return { headers: {}, iterator: () => body() as ReturnType<IncomingMessage['iterator']> };
}

const LIMITS: UploadLimits = { maxBytes: 1_000_000, idleMs: 60_000, minBytesPerSecond: 1_000, rateMs: 100 };

async function taken(source: AsyncIterable<Buffer>, takesMs = 0): Promise<number> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    clock.ms += takesMs;
  }
  return bytes;
}

test('a client that sends too slowly for too long is refused', async () => {
  const pieces = Array.from({ length: 20 }, () => [1, 25] as const);
  const upload = uploadOf(slowly(pieces), LIMITS, now);
  await expect(taken(upload)).rejects.toMatchObject({ code: 'UPLOAD_TOO_SLOW' });
});

test('a client that sends fast enough is not, nor one that waits for us', async () => {
  const steady = Array.from({ length: 10 }, () => [1_000, 25] as const);
  expect(await taken(uploadOf(slowly(steady), LIMITS, now))).toBe(10_000);
  const held = Array.from({ length: 10 }, () => [1, 0] as const);
  expect(await taken(uploadOf(slowly(held), LIMITS, now), 30)).toBe(10);
});

test('a client that sends nothing is refused', async () => {
  const nothing = { next: () => new Promise<never>(() => undefined) };
  const upload = uploadOf(
    // All that is called of it.
    { headers: {}, iterator: () => nothing as unknown as ReturnType<IncomingMessage['iterator']> },
    { ...LIMITS, idleMs: 20 },
  );
  await expect(taken(upload)).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
});
