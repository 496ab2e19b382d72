import { execute, maybeOne, type Queryable } from '../../../platform/database/database';

export interface Recheck {
  /** The last seal that was read again in this round. */
  seq: number;
  /** The round should have come so far by now. */
  dueSeq: number;
  /** The round began long enough ago for the next one to begin. */
  isOver: boolean;
  /** Seals that were not as they were made when they were read last. */
  broken: number[];
}

/** Where the round stands that reads all seals up to `lastSeq` again in `roundSeconds`. */
export async function selectRecheck(
  on: Queryable,
  { lastSeq, roundSeconds }: { lastSeq: number; roundSeconds: number },
): Promise<Recheck> {
  const row = await maybeOne<Recheck & Record<string, unknown>>(
    on,
    'consistency.recheck',
    `select seq, to_jsonb(broken) as broken, part >= 1 as "isOver", floor($1::bigint * least(part, 1))::bigint as "dueSeq"
     from (select r.*, greatest(0, extract(epoch from clock_timestamp() - round_began_at))::float8 / $2::float8 as part
           from ledger_rechecked r) r`,
    [lastSeq, roundSeconds],
  );
  return row ?? { seq: 0, dueSeq: 0, isOver: false, broken: [] };
}

/**
 * Whether the record of months that were summed up is to be read again: a day after it was read last, once another month was, and as long
 * as it is not as it was made.
 */
export async function areFoldsDue(on: Queryable): Promise<boolean> {
  const row = await maybeOne<{ areDue: boolean }>(
    on,
    'consistency.are_folds_due',
    `select folds_broken or folds_read_at < clock_timestamp() - interval '1 day'
       or exists (select from ledger_folds f where f.folded_at > r.folds_read_at) as "areDue"
     from ledger_rechecked r`,
  );
  return row?.areDue ?? true;
}

/** Records that it was just read, and whether it is as it was made. */
export function markFoldsRead(on: Queryable, areBroken: boolean): Promise<number> {
  return execute(
    on,
    'consistency.mark_folds_read',
    'update ledger_rechecked set folds_read_at = clock_timestamp(), folds_broken = $1',
    [areBroken],
  );
}

/** Records up to where seals were read again. Does nothing where another check has moved on meanwhile. */
export function markRechecked(
  on: Queryable,
  {
    from,
    to,
    broken,
    beginsRound,
  }: { from: number; to: number; broken: readonly number[]; beginsRound: boolean },
): Promise<number> {
  return execute(
    on,
    'consistency.mark_rechecked',
    `update ledger_rechecked set seq = $2, broken = $3::bigint[],
       round_began_at = case when $4::boolean then clock_timestamp() else round_began_at end
     where seq = $1`,
    [from, to, broken, beginsRound],
  );
}
