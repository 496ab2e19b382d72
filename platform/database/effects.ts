import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Transaction } from './database';

/** What transactions do that metrics count, each by a label of few values: types of events of orders, kinds of ledger entries. */
export type EffectKind = 'order_event' | 'ledger_entry';

export interface Effects {
  kind: EffectKind;
  /** One for each effect. */
  labels: readonly string[];
}

const CHANNEL = 'holdfast:effects';
const effects = channel(CHANNEL);

/** Counts what this transaction does, once it has committed. */
export function countEffects(tx: Transaction, counted: Effects): void {
  if (effects.hasSubscribers && counted.labels.length > 0) tx.afterCommit(() => effects.publish(counted));
}

/** Tells of all effects of this process until the function that it returns is called. */
export function listenToEffects(listener: (counted: Effects) => void): () => void {
  // Only `countEffects` publishes on this channel.
  const listen = (message: unknown) => listener(message as Effects);
  subscribe(CHANNEL, listen);
  return () => {
    unsubscribe(CHANNEL, listen);
  };
}
