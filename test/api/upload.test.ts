import type { IncomingMessage } from 'node:http';
import { uploadOf, type UploadLimits } from '../../api/http/upload';

/** A request whose body comes in pieces, each after so many milliseconds. */
function slowly(
  pieces: readonly (readonly [size: number, afterMs: number])[],
): Parameters<typeof uploadOf>[0] {
  async function* body() {
    for (const [size, afterMs] of pieces) {
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      yield Buffer.alloc(size);
    }
  }
  return { headers: {}, iterator: () => body() as ReturnType<IncomingMessage['iterator']> };
}

const LIMITS: UploadLimits = { maxBytes: 1_000_000, idleMs: 1_000, minBytesPerSecond: 1_000, rateMs: 100 };

async function taken(source: AsyncIterable<Buffer>, takesMs = 0): Promise<number> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (takesMs > 0) await new Promise((resolve) => setTimeout(resolve, takesMs));
  }
  return bytes;
}

test('a client that sends too slowly for too long is refused', async () => {
  const pieces = Array.from({ length: 20 }, () => [1, 25] as const);
  await expect(taken(uploadOf(slowly(pieces), LIMITS))).rejects.toMatchObject({ code: 'UPLOAD_TOO_SLOW' });
});

test('a client that sends fast enough is not, nor one that waits for us', async () => {
  const steady = Array.from({ length: 10 }, () => [1_000, 25] as const);
  expect(await taken(uploadOf(slowly(steady), LIMITS))).toBe(10_000);
  const held = Array.from({ length: 10 }, () => [1, 0] as const);
  expect(await taken(uploadOf(slowly(held), LIMITS), 30)).toBe(10);
});

test('a client that sends nothing is refused', async () => {
  const limits = { ...LIMITS, idleMs: 20 };
  await expect(taken(uploadOf(slowly([[1, 200]]), limits))).rejects.toMatchObject({
    code: 'REQUEST_TIMEOUT',
  });
});
