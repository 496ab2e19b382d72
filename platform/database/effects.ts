import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Transaction } from './database';

/** What transactions do that metrics count, each by a label of few values: types of events of orders, kinds of ledger entries. */
export type EffectKind = 'order_event' | 'ledger_entry';

export interface Effects {
  kind: EffectKind;
  /** One for each effect. */
  labels: readonly string[];
}

/** Whose reservations fall due: of orders, which their sagas free, or those without one. */
export const EXPIRING = ['order', 'standalone'] as const;

/** Reservations that were freed since they had fallen due. */
export interface Expiries {
  kind: 'reservation_expiry';
  of: (typeof EXPIRING)[number];
  /** For how long each was past due when it was freed, seconds. */
  lags: readonly number[];
}

const CHANNEL = 'holdfast:effects';
const effects = channel(CHANNEL);

/** Counts what this transaction does, once it has committed. */
export function countEffects(tx: Transaction, counted: Effects): void {
  if (counted.labels.length > 0) publishCommitted(tx, counted);
}

/** Measures expiries of this transaction, once it has committed. */
export function measureExpiries(tx: Transaction, of: Expiries['of'], lags: readonly number[]): void {
  if (lags.length > 0) publishCommitted(tx, { kind: 'reservation_expiry', of, lags });
}

function publishCommitted(tx: Transaction, effect: Effects | Expiries): void {
  if (effects.hasSubscribers) tx.afterCommit(() => effects.publish(effect));
}

/** Tells of all effects of this process until the function that it returns is called. */
export function listenToEffects(listener: (effect: Effects | Expiries) => void): () => void {
  // Only `publishCommitted` publishes on this channel.
  const listen = (message: unknown) => listener(message as Effects | Expiries);
  subscribe(CHANNEL, listen);
  return () => {
    unsubscribe(CHANNEL, listen);
  };
}
