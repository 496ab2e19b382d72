import type { WebSocket } from 'ws';
import { PIECE_BYTES } from '../streams/slow-clients';

/** What goes out on one connection, in the order in which it was given. */
export interface Outgoing {
  /**
   * Resolves when the system has taken the message: who waits for that before reading on costs no memory. Never rejects: of a connection that has
   * gone it resolves.
   */
  send(text: string): Promise<void>;
  /** Sends what nobody waits for. */
  reply(text: string): void;
  /** Since when no piece of what waits was taken, milliseconds of `performance.now()`; null: nothing waits. */
  readonly stuckSince: number | null;
}

/** Of what waits, so much is with the system: the rest is cut into pieces when its turn comes. */
const HANDED_OVER_BYTES = 4 * PIECE_BYTES;

interface Message {
  text: string;
  /** What was not handed over yet; null: nothing was. */
  rest: Buffer | null;
  /** Called when the system has taken all of it, or the connection has gone. */
  done(): void;
}

/**
 * Long messages go out as fragments (RFC 6455, section 5.4), so that each piece which is taken is progress.
 *
 * @param options.onTooMuch more bytes wait that nobody waits for: the client asks for more than it takes
 * @param options.onProgress the client has taken what the system had no room for: it reads
 */
export function createOutgoing(
  socket: Pick<WebSocket, 'readyState' | 'OPEN' | 'send' | 'bufferedAmount'>,
  options: { maxReplyBytes: number; onTooMuch: () => void; onProgress: () => void },
): Outgoing {
  const { maxReplyBytes, onTooMuch, onProgress } = options;
  const messages: Message[] = [];
  let replyBytes = 0;
  let handedOver = 0;
  let stuckSince: number | null = null;

  function handOver(): void {
    if (socket.readyState !== socket.OPEN) {
      for (const message of messages.splice(0)) message.done();
      return;
    }
    for (let next = messages[0]; next && handedOver < HANDED_OVER_BYTES; next = messages[0]) {
      next.rest ??= Buffer.from(next.text);
      const piece = next.rest.subarray(0, PIECE_BYTES);
      next.rest = next.rest.subarray(piece.length);
      const isLast = next.rest.length === 0;
      if (isLast) messages.shift();
      sendPiece(piece, isLast ? next : null);
    }
  }

  /** @param ends the message whose last piece it is; null: more of it follows */
  function sendPiece(piece: Buffer, ends: Message | null): void {
    let waits = false;
    handedOver += piece.length;
    stuckSince ??= performance.now();
    socket.send(piece, { binary: false, fin: ends !== null }, (error) => {
      handedOver -= piece.length;
      stuckSince = handedOver === 0 && messages.length === 0 ? null : performance.now();
      if (waits && !error) onProgress();
      ends?.done();
      handOver();
    });
    waits = socket.bufferedAmount > 0;
  }

  function add(text: string, done: () => void): void {
    messages.push({ text, rest: null, done });
    handOver();
  }

  return {
    send: (text) =>
      new Promise((resolve) => {
        add(text, resolve);
      }),
    reply(text) {
      const bytes = Buffer.byteLength(text);
      if (replyBytes + bytes > maxReplyBytes) {
        onTooMuch();
        return;
      }
      replyBytes += bytes;
      add(text, () => {
        replyBytes -= bytes;
      });
    },
    get stuckSince() {
      return stuckSince;
    },
  };
}
