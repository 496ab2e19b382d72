/** How far somebody's erasure has come. Nothing here is personal. */
export interface Erasure {
  userId: string;
  requestedAt: Date;
  /** The caller who asked for it. */
  requestedBy: string;
  /** Orders whose values were erased so far. */
  orders: number;
  /** Null: what may still come of access tokens and requests that are under way is waited for. */
  finishedAt: Date | null;
}

declare module '../../platform/database/outbox' {
  interface OutboxTopics {
    'user.erase': 'userId';
  }
}
