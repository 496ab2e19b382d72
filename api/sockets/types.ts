/**
 * Why a connection ended. `left`: the client closed it; `broken`: it sent what is no message, or one that is too large; `slow`: it did not take what it
 * was told, or asked for more than it took; `silent`: it answered no ping; `signed_out`: its sign-in has ended; `too_fast`: it sent too many messages; `not_text`: a binary one; `stopping`:
 * the process stops.
 */
export const SOCKET_ENDS = [
  'left',
  'broken',
  'slow',
  'silent',
  'signed_out',
  'too_fast',
  'not_text',
  'stopping',
] as const;
export type SocketEnd = (typeof SOCKET_ENDS)[number];

/** What is read for a connection: topics by their kind, and whether who has it is still signed in. */
export const SOCKET_READS = ['orders', 'jobs', 'inventory', 'alerts', 'attention', 'sign_in'] as const;
export type SocketRead = (typeof SOCKET_READS)[number];

/** Codes with which the server closes; those from 4000 on are ours. See docs/live-updates.md. */
export const CLOSE_CODES = {
  stopping: 1001,
  not_text: 1003,
  signed_out: 4401,
  too_fast: 4429,
} as const satisfies Partial<Record<SocketEnd, number>>;

export interface SocketMetrics {
  began(): void;
  ended(how: SocketEnd): void;
  /** From when something came about until it was sent, seconds. */
  lag(seconds: number): void;
  /** What somebody follows, or whether they are still signed in, could not be read; it is tried again. */
  readFailed(what: SocketRead): void;
}
