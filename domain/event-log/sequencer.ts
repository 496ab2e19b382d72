import type { Database, Transaction } from '../../platform/database/database';
import {
  selectDueGaps,
  selectFresh,
  selectLate,
  selectState,
  selectUnnumbered,
  trySequencerLock,
  writeTurn,
  type FoundIds,
  type FreshIds,
  type NewBatch,
  type SequencerState,
} from './queries';
import { stillAwaited } from './rules';
import { EVENTS_NUMBERED, type EventSource, type Gap } from './types';

export { selectUnnumberedSeconds as unnumberedSeconds } from './queries';

/** How a turn ended: `numbered` events, with more to come where `hasMore`; 0: there was nothing, or another sequencer has its turn. */
export interface Turn {
  numbered: number;
  hasMore: boolean;
}

export interface SequencerOptions {
  rowsPerTurn?: number;
  /** Called where a turn has numbered events, in its transaction. */
  onNumbered?: (tx: Transaction) => Promise<void>;
}

const NOTHING: Turn = { numbered: 0, hasMore: false };

/** Rows of one source that a turn numbers at most, from each place that it reads at. */
const ROWS_PER_TURN = 10_000;

/**
 * Numbers what has committed since the last turn, in one transaction, and tells readers. One sequencer of all processes has a turn at a
 * time. A process that dies in it leaves nothing behind: the next turn finds the same rows.
 */
export async function numberEvents(
  db: Database,
  { rowsPerTurn = ROWS_PER_TURN, onNumbered }: SequencerOptions = {},
): Promise<Turn> {
  const waiting = await selectUnnumbered(db);
  if (waiting.sources.length === 0 && !waiting.gaps) return NOTHING;
  return db.transaction(async (tx) => {
    if (!(await trySequencerLock(tx))) return NOTHING;
    const state = await selectState(tx);
    const turn = await readTurn(tx, state, { sources: waiting.sources, rowsPerTurn });
    if (isEmpty(turn)) return NOTHING;
    await writeTurn(tx, turn);
    const numbered = turn.nextPosition - state.nextPosition;
    if (numbered > 0) {
      tx.notice('holdfast_events', EVENTS_NUMBERED);
      await onNumbered?.(tx);
    }
    return { numbered, hasMore: turn.batches.some(({ count }) => count === rowsPerTurn) };
  });
}

type TurnRows = Parameters<typeof writeTurn>[1];

function isEmpty({ scanned, gaps, closed }: TurnRows): boolean {
  return scanned.length + gaps.length + closed.length === 0;
}

/**
 * What a turn numbers. New rows are read first, then who may still bring what is missing, then what of that can be seen: whatever a new
 * row was written after, such as the event before it of the same order, is found by then, and numbered before it.
 */
async function readTurn(
  tx: Transaction,
  state: SequencerState,
  { sources, rowsPerTurn }: { sources: readonly EventSource[]; rowsPerTurn: number },
): Promise<TurnRows> {
  const batches: NewBatch[] = [];
  let { nextPosition } = state;
  function add(source: EventSource, { count, ids }: FoundIds): void {
    if (count === 0) return;
    batches.push({ source, firstPosition: nextPosition, count, ids });
    nextPosition += count;
  }

  const found = new Map<EventSource, FreshIds>();
  for (const source of sources) {
    const fresh = await selectFresh(tx, source, { scannedTo: state.scannedTo[source], limit: rowsPerTurn });
    if (fresh) found.set(source, fresh);
  }

  const gaps: { id: number; left: string; waitsFor: readonly string[] | null }[] = [];
  const closed: number[] = [];
  const unfinished = new Set<EventSource>();
  for (const gap of await selectDueGaps(tx)) {
    const { id, source } = gap;
    if (unfinished.has(source)) continue;
    const late = await selectLate(tx, source, { ids: gap.ids, limit: rowsPerTurn });
    add(source, late);
    const { left } = late;
    const isFull = late.count === rowsPerTurn;
    // The rest was perhaps not reached: what comes after it waits for the next turn.
    if (isFull) unfinished.add(source);
    const waitsFor = isFull ? null : stillAwaited(gap);
    if (left === null || waitsFor?.length === 0) closed.push(id);
    else gaps.push({ id, left, waitsFor });
  }

  const scanned: { source: EventSource; upTo: number }[] = [];
  const newGaps: Pick<Gap, 'source' | 'ids'>[] = [];
  for (const [source, fresh] of found) {
    if (unfinished.has(source)) continue;
    add(source, fresh);
    scanned.push({ source, upTo: fresh.upTo });
    if (fresh.missing !== null) newGaps.push({ source, ids: fresh.missing });
  }
  return { nextPosition, batches, scanned, newGaps, gaps, closed };
}
